// What a corestore, and a core of one, can be opened with. Options that are not listed are ignored, as packages written
// for Corestore count on that.
import type { HypercoreOptions } from '../hypercore/options.ts'
import type { Location } from '../log/options.ts'
import type { Corestore } from './corestore.ts'

/** A directory; a function that gives the random-access-storage of a file name; an object with a path; null: memory. */
export type CorestoreStorage = Location | { readonly path: string }

export interface CorestoreOptions {
  /** 32 bytes. Whoever has it may write all named cores: only together with `unsafe: true`. */
  primaryKey?: Uint8Array | null
  unsafe?: boolean
  /** 32 bytes; zeros for the store itself. */
  namespace?: Uint8Array
  /** False: its sessions change nothing. */
  writable?: boolean
  readOnly?: boolean
  /** False: peers are not told of the cores that are open here; they have to ask. */
  active?: boolean
  /** Of the manifests of named cores; 1 by default. */
  manifestVersion?: number
  /** What append means by done; `power` by default, see the README. */
  durability?: HypercoreOptions['durability']
  /** A session of this store. */
  root?: Corestore | null
}

export interface GetOptions extends Omit<HypercoreOptions, 'name' | 'storage'> {
  /** The core whose key pair follows from the primary key, the namespace and this name. */
  name?: string | null
}

/** How a core of the store is opened: its name, if it was asked for by one. */
export interface CoreOptions extends HypercoreOptions {
  readonly alias?: { readonly name: string; readonly namespace: Uint8Array } | null
}
