// Members: every public member, option and event of npm hypercore 11's class is here, or missing for a reason that this
// list gives. The lists are read from the installed package, so a newer one that has more makes this test fail.
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'brittle'
import Reference from 'hypercore'
import { Hypercore } from '../../lib/hypercore/hypercore.ts'

const MISSING: Readonly<Record<string, string>> = {
  setGroup: 'experimental there; groups belong to a Corestore',
  transferSession:
    'moves a session to another core in the same storage; called by its own storage only',
  generateRemoteProofForTreeNode:
    'mends the tree files of its own storage; here: Log.audit and repair',
  recoverFromRemoteProof: 'as above',
  recoverTreeNodeFromPeers: 'as above',
  'static setRecoveryPeers':
    'names peers that may end a recovery; here a copy catches up with any of them',
  'static enable': 'switches a wire format of wants that this package chooses by itself',
  'static SMALL_WANTS': 'the flag for the above'
}

const MISSING_OPTIONS: Readonly<Record<string, string>> = {
  group: 'experimental there, with setGroup',
  pushOnly: 'a mode of its replicator for cores under repair',
  allowPush: 'experimental there: blocks that nobody asked for',
  inflightRange: 'windows here follow the pace of each peer',
  eagerUpgrade: 'upgrades are always asked for at once',
  legacy: 'signatures from before version 10',
  globalCache: 'one cache per log here, bounded',
  sessions: 'internal: the list that a session enters',
  alias: 'a name in its storage; a Corestore has names',
  force: 'several keys may live in one directory, so nothing has to be forced'
}

const MISSING_EVENTS: Readonly<Record<string, string>> = {
  migrate: 'with transferSession',
  repairing: 'with recoverFromRemoteProof',
  repaired: 'as above',
  'repair-failed': 'as above',
  'invalid-request': 'a peer that asks what cannot be answered is told so, and slowed'
}

const require = createRequire(import.meta.url)
const THEIRS = dirname(require.resolve('hypercore'))
const OURS = fileURLToPath(new URL('../../../lib/hypercore/', import.meta.url))

/** Public names of an object and its class, as far up as the class itself. */
function namesOf(core: object): string[] {
  const names = [
    ...Object.getOwnPropertyNames(core),
    ...Object.getOwnPropertyNames(Object.getPrototypeOf(core) as object)
  ]
  return names.filter((name) => !name.startsWith('_'))
}

async function opened<C extends { ready(): Promise<void>; close(): Promise<void> }, R>(
  Class: new (directory: string) => C,
  look: (core: C) => R
): Promise<R> {
  const directory = await mkdtemp(join(tmpdir(), 'logwood-members-'))
  const core = new Class(directory)
  await core.ready()
  const found = look(core)
  await core.close()
  await rm(directory, { recursive: true, force: true })
  return found
}

const STATICS = Object.getOwnPropertyNames(Reference).filter(
  (name) => !['length', 'name', 'prototype'].includes(name)
)

test('members: instances and the class', async (t) => {
  const theirs = await opened(Reference as unknown as typeof Hypercore, namesOf)
  // EventEmitter's own, which are not of the class.
  const members = theirs.filter((name) => !['domain', 'constructor'].includes(name))
  const missing = await opened(Hypercore, (core) => members.filter((name) => !(name in core)))
  const statics = STATICS.filter((name) => !(name in Hypercore)).map((name) => `static ${name}`)
  t.alike([...missing, ...statics].sort(), Object.keys(MISSING).sort())
  t.comment(
    `${members.length + STATICS.length} public members, ${Object.keys(MISSING).length} missing`
  )
})

test('members: options', (t) => {
  const text = read(join(THEIRS, 'index.js'))
  const names = new Set([...text.matchAll(/\bopts\.([a-zA-Z]+)/g)].map((match) => match[1] ?? ''))
  const sources = ['hypercore', 'options', 'writing', 'streams', 'stream-options', 'encryption']
    .concat(['protocol-stream', 'range-download', 'proofs', 'locations'])
    .map((name) => read(join(OURS, `${name}.ts`)))
    .join('\n')
  const missing = [...names].filter((name) => !new RegExp(`\\b${name}\\b`).test(sources))
  const excused = Object.keys(MISSING_OPTIONS)
  // Those that are words of the source for another reason are listed all the same.
  t.alike(
    missing.filter((name) => !excused.includes(name)),
    []
  )
  t.comment(`${names.size} options, ${excused.length} missing`)
})

test('members: events', (t) => {
  const files = ['index.js', 'lib/core.js', 'lib/replicator.js', 'lib/session-state.js']
  const text = files.map((file) => read(join(THEIRS, file))).join('\n')
  const names = new Set([...text.matchAll(/\.emit\('([a-z-]+)'/g)].map((match) => match[1] ?? ''))
  const ours = ['hypercore', 'core-events', 'shared-core', 'writing']
    .map((name) => read(join(OURS, `${name}.ts`)))
    .join('\n')
  const missing = [...names].filter((name) => !ours.includes(`'${name}'`))
  t.alike(missing.sort(), Object.keys(MISSING_EVENTS).sort())
  t.comment(`${names.size} events, ${missing.length} missing`)
})

test('members: what packages look at in core.core', async (t) => {
  const found = await opened(Hypercore, (core) => {
    const { compat, bitfield, header, state, replicator, sessions } = core.core ?? {}
    return {
      isCompat: compat,
      has: bitfield?.get(0),
      header: Object.keys(header ?? {}),
      isDefault: state?.isDefault(),
      peers: replicator?.peers,
      sessions: sessions?.length
    }
  })
  t.alike(found, {
    isCompat: false,
    has: false,
    header: ['key', 'manifest', 'keyPair', 'tree', 'hints'],
    isDefault: true,
    peers: [],
    sessions: 1
  })
})

function read(path: string): string {
  return readFileSync(path, 'utf-8')
}
