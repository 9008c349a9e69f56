// The public face of Logwood: the only file that re-exports.

export { type BundleOptions, type BundleSource, createBundle } from './backup/backup.ts'
export {
  type RestoredLog,
  type RestoreOptions,
  restoreBundle,
  verifyBundle
} from './backup/restore.ts'
export type { CoreConflict as LogConflict } from './core/core.ts'
export type { Durability } from './core/durability.ts'
export { verifyConflict } from './core/histories/conflict-format.ts'
export { keyFromText, keyToText } from './core/key-text.ts'
export { createManifest, discoveryKeyOf, type Manifest, manifestKey } from './core/manifest.ts'
export type { AuditOptions, AuditReport } from './core/rescue/audit.ts'
export type { Finding, FindingKind } from './core/rescue/finding.ts'
export type { RepairOptions, RepairReport } from './core/rescue/repair.ts'
export type { SalvageReport } from './core/rescue/salvage.ts'
export { createKeyPair, type KeyPair } from './crypto/key-pair.ts'
export type { PassphraseCost } from './crypto/passphrase.ts'
export type { Env } from './env.ts'
export * from './errors.ts'
export type { CheckpointOptions } from './keyvalue/checkpoints.ts'
export type { Entry } from './keyvalue/entry.ts'
export type {
  Child,
  DiffEntry,
  DiffOptions,
  EntriesOptions,
  HistoryOptions,
  KeyEntry,
  ListOptions,
  OperationEntry,
  RangeOptions
} from './keyvalue/iterators.ts'
export type { KeyEncoding, KeyEncodingName } from './keyvalue/key.ts'
export { KeyValue } from './keyvalue/keyvalue.ts'
export type {
  BatchOperation,
  CheckpointPolicy,
  DeleteOptions,
  KeyValueOptions,
  PutOptions,
  ReadOptions,
  SubOperation
} from './keyvalue/options.ts'
export type { KeyValueStats } from './keyvalue/stats.ts'
export { type ProvenEntries, type ProvenEntry, verifyProof } from './keyvalue/verify-proof.ts'
export type { VersionChange } from './keyvalue/watch.ts'
export { LogBatch } from './log/batch.ts'
export { type BlockCipher, blockKeyOf, type Encryption } from './log/block-cipher.ts'
export type { BlockStream, BlockStreamOptions } from './log/block-stream.ts'
export type { ByteStreamOptions } from './log/byte-stream.ts'
export type { ConnectOptions, EncryptedStream } from './log/connections.ts'
export type { Download, DownloadOptions } from './log/download.ts'
export type { EncodingName } from './log/encoding.ts'
export { Log } from './log/log.ts'
export type { LogEvents, Transfer } from './log/opened-log.ts'
export type { LogOptions } from './log/options.ts'
export type { PeerInfo } from './log/peer-info.ts'
export type {
  AppendOptions,
  GetOptions,
  LogInfo,
  SessionOptions,
  TruncateOptions,
  WaitOptions
} from './log/session.ts'
export {
  assembleSignature,
  type Draft,
  type SignatureShare,
  shortenShare,
  signDraft
} from './log/signing.ts'
export type { BlockExplanation, SyncedOptions } from './log/sync.ts'
export type { AuthorizeQuestion, ReplicationOptions, SwitchOptions } from './log/traffic.ts'
export type { WriteStream } from './log/write-stream.ts'
export type { Node } from './merkle/node.ts'
export type { Proof, ProofRequest } from './merkle/proof.ts'
export { Mux } from './mux/mux.ts'
export type { ReorgPlan } from './replication/download/reorg.ts'
export type { PeerStatus, SyncStatus } from './replication/insight.ts'
export { type LimitOptions, RateLimit } from './replication/rate-limit.ts'
export type { LimitChanges } from './replication/shared-traffic.ts'
export type { RawDuplex } from './secret-stream/raw-duplex.ts'
export { SecretStream } from './secret-stream/secret-stream.ts'
export type { RandomAccess, StorageFactory } from './storage/file.ts'
export type { StorageInfo } from './storage/log-files.ts'
export type { LogName } from './storage/store-index.ts'
export type { AccessRequest, StoreLimits, StoreLogOptions, StoreOptions } from './store/options.ts'
export { type ReplicateOptions, Store, type StoreEntry, type StoreStats } from './store/store.ts'
export type { Codec, CodecState } from './util/codec.ts'
