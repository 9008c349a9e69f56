// The names that lib/index.ts exports, one by one: whoever widens the public face has to do it here too. Read from
// the emitted declarations, which are what a consumer's compiler sees.
import { readFileSync } from 'node:fs'
import { test } from 'brittle'
import * as api from '../lib/index.ts'

const VALUES = [
  'AbortError',
  'ArgumentError',
  'ConflictError',
  'FormatError',
  'KeyValue',
  'Log',
  'LogBatch',
  'LogwoodError',
  'Mux',
  'ProofError',
  'ProtocolError',
  'RateLimit',
  'SecretStream',
  'StateError',
  'StorageError',
  'Store',
  'UnavailableError',
  'assembleSignature',
  'blockKeyOf',
  'createBundle',
  'createKeyPair',
  'createManifest',
  'discoveryKeyOf',
  'keyFromText',
  'keyToText',
  'manifestKey',
  'restoreBundle',
  'shortenShare',
  'signDraft',
  'verifyBundle',
  'verifyConflict',
  'verifyProof'
]

const TYPES = [
  'AccessRequest',
  'AppendOptions',
  'AuditOptions',
  'AuditReport',
  'AuthorizeQuestion',
  'BatchOperation',
  'BlockCipher',
  'BlockExplanation',
  'BlockStream',
  'BlockStreamOptions',
  'BundleOptions',
  'BundleSource',
  'ByteStreamOptions',
  'CheckpointOptions',
  'CheckpointPolicy',
  'Child',
  'Codec',
  'CodecState',
  'ConnectOptions',
  'DeleteOptions',
  'DiffEntry',
  'DiffOptions',
  'Download',
  'DownloadOptions',
  'Draft',
  'Durability',
  'EncodingName',
  'EncryptedStream',
  'Encryption',
  'EntriesOptions',
  'Entry',
  'Env',
  'ErrorCode',
  'Finding',
  'FindingKind',
  'GetOptions',
  'HistoryOptions',
  'KeyEncoding',
  'KeyEncodingName',
  'KeyEntry',
  'KeyPair',
  'KeyValueOptions',
  'KeyValueStats',
  'LimitChanges',
  'LimitOptions',
  'ListOptions',
  'LogConflict',
  'LogEvents',
  'LogInfo',
  'LogName',
  'LogOptions',
  'Manifest',
  'Node',
  'OperationEntry',
  'PassphraseCost',
  'PeerInfo',
  'PeerStatus',
  'Proof',
  'ProofRequest',
  'ProvenEntries',
  'ProvenEntry',
  'PutOptions',
  'RandomAccess',
  'RangeOptions',
  'RawDuplex',
  'ReadOptions',
  'ReorgPlan',
  'RepairOptions',
  'RepairReport',
  'ReplicateOptions',
  'ReplicationOptions',
  'RestoreOptions',
  'RestoredLog',
  'SalvageReport',
  'SessionOptions',
  'SignatureShare',
  'StorageFactory',
  'StorageInfo',
  'StoreEntry',
  'StoreLimits',
  'StoreLogOptions',
  'StoreOptions',
  'StoreStats',
  'SubOperation',
  'SwitchOptions',
  'SyncStatus',
  'SyncedOptions',
  'Transfer',
  'TruncateOptions',
  'VersionChange',
  'WaitOptions',
  'WriteStream'
]

/** Names that a declaration file exports, those that it passes on included. */
function namesOf(file: URL): string[] {
  const text = readFileSync(file, 'utf-8').replace(/\/\*[\s\S]*?\*\//g, '')
  const names: string[] = []
  for (const [, list = ''] of text.matchAll(/^export (?:type )?\{([^}]*)\}/gm)) {
    for (const item of list.split(',')) {
      const name = item
        .trim()
        .replace(/^type /, '')
        .split(' as ')
        .at(-1)
      if (name) names.push(name)
    }
  }
  for (const [, from = ''] of text.matchAll(/^export \* from ['"]([^'"]+)['"]/gm)) {
    names.push(...namesOf(new URL(from.replace(/\.[jt]s$/, '.d.ts'), file)))
  }
  const declared =
    /^export (?:declare )?(?:abstract )?(?:class|function|const|interface|type) ([A-Za-z]\w*)/gm
  for (const [, name = ''] of text.matchAll(declared)) names.push(name)
  return names
}

test('exported values', (t) => {
  t.alike(Object.keys(api).sort(), VALUES)
})

test('exported types', (t) => {
  const names = namesOf(new URL('../lib/index.d.ts', import.meta.url))
  t.alike(names.filter((name) => !VALUES.includes(name)).sort(), TYPES)
  t.alike(
    VALUES.filter((name) => !names.includes(name)),
    [],
    'every value is declared'
  )
})
