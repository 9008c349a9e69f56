// PeerSender: what the parts of a peer may say to it. One method per message of spec replication.md section 3;
// each returns false when the transport is full.
import type {
  BitfieldMessage,
  Data,
  Extension,
  NoData,
  Range,
  Request,
  Sync,
  Want
} from './messages.ts'

export interface PeerSender {
  /** False: the transport is full, answers should wait for the drain. */
  readonly drained: boolean
  sync(message: Sync): boolean
  request(message: Request): boolean
  cancel(id: number): boolean
  data(message: Data): boolean
  noData(message: NoData): boolean
  want(message: Want): boolean
  unwant(message: Want): boolean
  bitfield(message: BitfieldMessage): boolean
  range(message: Range): boolean
  extension(message: Extension): boolean
}
