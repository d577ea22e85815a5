// Comfort alone: without it the page says the same. Tips instead of the browser's slow titles, the record behind a point
// marked while it is looked at, folded records unfolded when a link leads to one, and a switch between dark and light.
(function () {
  'use strict';
  var root = document.documentElement, tip = document.getElementById('tip'), theme = document.getElementById('theme');

  theme.hidden = false;
  theme.addEventListener('click', function () {
    var dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
    root.dataset.theme = dark ? 'light' : 'dark';
  });

  function unfold() {
    var at = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!at) return;
    for (var e = at; e; e = e.parentElement) if (e.tagName === 'DETAILS') e.open = true;
    at.scrollIntoView({block: 'center'});
  }
  addEventListener('hashchange', unfold);
  unfold();

  document.querySelectorAll('svg.chart title').forEach(function (title) {
    var owner = title.parentElement;
    owner.dataset.tip = title.textContent;
    var link = owner.closest('a');
    if (link) link.setAttribute('aria-label', title.textContent);
    title.remove();
  });

  function show(event) {
    var owner = event.target.closest && event.target.closest('[data-tip], a');
    if (owner && owner.tagName === 'a') owner = owner.querySelector('[data-tip]');
    if (!owner || !owner.dataset || !owner.dataset.tip) return hide();
    tip.textContent = owner.dataset.tip;
    tip.hidden = false;
    var at = owner.getBoundingClientRect(), box = tip.getBoundingClientRect();
    var left = Math.max(4, Math.min(innerWidth - box.width - 4, at.left + at.width / 2 - box.width / 2));
    var top = at.top - box.height - 6;
    tip.style.left = left + 'px';
    tip.style.top = (top < 4 ? at.bottom + 6 : top) + 'px';
    alike(owner.closest('a'));
  }
  function hide() { tip.hidden = true; alike(null); }
  function alike(link) {
    document.querySelectorAll('.alike').forEach(function (e) { e.classList.remove('alike'); });
    if (!link) return;
    var to = link.getAttribute('href');
    document.querySelectorAll('svg.chart a[href="' + to + '"]').forEach(function (e) { e.classList.add('alike'); });
    var record = document.getElementById(to.slice(1));
    if (record) record.classList.add('alike');
  }
  addEventListener('pointerover', show);
  addEventListener('focusin', show);
  addEventListener('scroll', hide, {passive: true});
})();
