// Where a core's log lies. A directory holds one log, the first that was made there; others with a key of their own lie
// in directories `cores/<discovery key>` below, as Hypercore keeps several cores in one storage.
import { discoveryKeyOf, isCompat, type Manifest, manifestKey } from '../core/manifest.ts'
import { createKeyPair, type KeyPair } from '../crypto/key-pair.ts'
import { LogwoodError, StorageError } from '../errors.ts'
import { Log } from '../log/log.ts'
import type { Location, LogOptions } from '../log/options.ts'
import { equalBytes, toHex } from '../util/bytes.ts'
import { HypercoreError } from './errors.ts'
import { manifestFrom } from './manifest.ts'
import {
  type CoreHooks,
  type CorePlace,
  type HypercoreOptions,
  type HypercoreStorage,
  type OpenedCore,
  signingPair
} from './options.ts'

type OpenOptions = Omit<LogOptions<Uint8Array>, 'encoding'>

/** Openings under way by directory: two cores in one place must not both become its first. */
const openings: Map<string, Promise<unknown>> = new Map()

/** @throws what Log.open throws */
export async function openCore(
  storage: HypercoreStorage | undefined,
  key: Uint8Array | null,
  options: HypercoreOptions,
  hooks: CoreHooks
): Promise<OpenedCore> {
  await (options.preopen ?? null)
  if (typeof storage === 'object' && storage !== null && 'openCore' in storage) {
    return storage.openCore(key, options, hooks)
  }
  const location = locationOf(storage)
  const wish = wishOf(key, options, hooks)
  if (typeof location !== 'string') return openOrCreate(location, wish)
  const before = openings.get(location)
  const opening = (before ?? Promise.resolve())
    .catch(() => {})
    .then(() => openInDirectory(location, wish))
  openings.set(location, opening)
  try {
    return await opening
  } finally {
    if (openings.get(location) === opening) openings.delete(location)
  }
}

interface Wish {
  readonly key: Uint8Array | null
  readonly discoveryKey: Uint8Array | null
  readonly keyPair: KeyPair | null
  readonly manifest: Manifest | null
  readonly compat: boolean
  readonly createIfMissing: boolean
  readonly overwrite: boolean
  readonly options: OpenOptions
}

function wishOf(key: Uint8Array | null, options: HypercoreOptions, hooks: CoreHooks): Wish {
  const manifest = options.manifest ? manifestFrom(options.manifest) : null
  const keyPair = signingPair(options.keyPair)
  return {
    key,
    discoveryKey: key === null && options.discoveryKey ? options.discoveryKey : null,
    keyPair,
    manifest,
    compat: options.compat === true,
    createIfMissing: options.createIfMissing !== false,
    overwrite: options.overwrite === true,
    options: {
      ...hooks,
      // Its sessions say whether they want it to be.
      active: false,
      ...(options.notDownloadingLinger === undefined
        ? {}
        : { lingerMs: options.notDownloadingLinger }),
      ...(options.durability === undefined ? {} : { durability: options.durability })
    }
  }
}

function locationOf(storage: Exclude<HypercoreStorage, CorePlace> | undefined): Location {
  if (storage === null || storage === undefined) return null
  if (typeof storage === 'object') return `${storage.path}/logwood`
  return storage
}

async function openInDirectory(directory: string, wish: Wish): Promise<OpenedCore> {
  const { key } = wish
  const asked = key === null ? wish.discoveryKey : discoveryKeyOf(key)
  if (asked === null) return openOrCreate(directory, wish)
  const below = `${directory}/cores/${toHex(asked)}`
  const first = await keyIn(directory)
  const isFirst = first === null || equalBytes(discoveryKeyOf(first), asked)
  const place = isFirst ? directory : below
  return openOrCreate(place, { ...wish, createIfMissing: key !== null && wish.createIfMissing })
}

/** The key of the log that lies there; null: none does. */
async function keyIn(directory: string): Promise<Uint8Array | null> {
  try {
    await using log = await Log.open(directory, { readOnly: true, createIfMissing: false })
    return log.key
  } catch (error) {
    if (error instanceof StorageError && error.code === 'NOT_FOUND') return null
    throw error
  }
}

async function openOrCreate(location: Location, wish: Wish): Promise<OpenedCore> {
  if (wish.overwrite) await purge(location)
  else {
    const found = await openFound(location, wish)
    if (found !== null) return found
  }
  if (!wish.createIfMissing) throw new StorageError('NOT_FOUND', 'No core is stored here')
  return create(location, wish)
}

async function openFound(location: Location, wish: Wish): Promise<OpenedCore | null> {
  const { key, keyPair, manifest } = wish
  const options = {
    ...wish.options,
    createIfMissing: false,
    ...(key === null ? {} : { key }),
    ...(keyPair === null ? {} : { keyPair })
  }
  try {
    const log = await Log.open(location, options)
    const foundPair = keyPair ?? log.keyPair
    if (manifest === null || key !== null || fits(manifest, log.key)) {
      return { log, keyPair: foundPair }
    }
    await log.close()
    throw new StorageError('WRONG_KEY', 'The manifest is not that of the core that is stored here')
  } catch (error) {
    if (error instanceof LogwoodError && error.code === 'NOT_FOUND') return null
    throw error
  }
}

async function create(location: Location, wish: Wish): Promise<OpenedCore> {
  const { key, manifest, compat, options } = wish
  const keyPair = wish.keyPair ?? (key === null ? createKeyPair() : null)
  if (compat && key !== null && keyPair !== null && !equalBytes(key, keyPair.publicKey)) {
    throw new HypercoreError('BAD_ARGUMENT', 'The key of a compat core is its public key')
  }
  const compatKey = compat && manifest === null ? keyPair?.publicKey : undefined
  const ownKey = key ?? compatKey
  const log = await Log.open(location, {
    ...options,
    ...(ownKey === undefined ? {} : { key: ownKey }),
    ...(keyPair === null ? {} : { keyPair }),
    ...(manifest === null ? {} : { manifest })
  })
  return { log, keyPair }
}

function fits(manifest: Manifest, key: Uint8Array): boolean {
  return isCompat(manifest, key) || equalBytes(manifestKey(manifest), key)
}

async function purge(location: Location): Promise<void> {
  try {
    const log = await Log.open(location, { createIfMissing: false })
    await log.purge()
  } catch (error) {
    if (error instanceof LogwoodError && error.code === 'NOT_FOUND') return
    throw error
  }
}
