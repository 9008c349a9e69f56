// The sub-path logwood/sim: a seeded world with virtual time, to try logs, stores and what is built on them in.

export { SimClock } from './clock.ts'
export { type DiskOptions, SimDisk } from './disk.ts'
export { SimHost } from './host.ts'
export { type LineOptions, SimLink } from './link.ts'
export { SimNetwork } from './network.ts'
export { type SeededRandom, seededRandom } from './random.ts'
export { SimSocket } from './socket.ts'
export { SimWorld } from './world.ts'
