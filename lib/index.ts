// The public face of Logwood: the only file that re-exports.

export const version = '0.1.0'
