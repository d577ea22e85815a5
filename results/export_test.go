package results

// The two decoders, for tests to hold them against each other.
var (
	DecodeOwn = decodeOwn
	DecodeAny = decodeAny
)

// BlockSize is that of a file's blocks.
const BlockSize = blockSize
