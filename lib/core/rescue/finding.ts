// Finding: one thing that an audit found wrong, where it lies, and what helps. The kinds are part of the contract
// with scripts; the sentences may change.

export type FindingKind =
  /** An identity sector, a seal, the header of a half, entries that were acknowledged, the head or its signature. */
  | 'identity'
  | 'seal'
  | 'header'
  | 'entries-lost'
  | 'head'
  /** A record's checksum; a parent that is not the hash of its children; a record that has to be there. */
  | 'node'
  | 'parent-hash'
  | 'node-missing'
  /** A page's checksum, or bits that say what cannot be. */
  | 'presence'
  /** The bytes of a block that is held are not what its leaf says. */
  | 'block'
  | 'secret'
  | 'rights'
  | 'lock'
  | 'foreign-file'
  /** The log may not be appended to until it is settled. */
  | 'behind'
  /** The disk does not give what should be there. */
  | 'unreadable'

export interface Finding {
  readonly kind: FindingKind
  /** Warnings cost no data: the log is sound without their remedy. */
  readonly severity: 'damage' | 'warning'
  readonly file: string
  readonly byteOffset: number
  readonly byteLength: number
  /** The block, where one is known. */
  readonly index: number | null
  readonly message: string
  readonly remedy: string
}

export const REMEDY = {
  repair: 'repair rewrites it from what is left',
  peers: 'repair marks it absent, and peers that have it send it again',
  resume: 'connect to a peer that holds more, or call resume',
  salvage: 'salvage moves it aside and makes the log openable again',
  secret: 'bring back a copy of the file; without one, salvage makes a log that can only be read',
  rights: 'chmod 700 the directory, chmod 600 the files',
  look: 'move it elsewhere if it does not belong there'
} as const

/** Where more is wrong than this, the rest is only counted. */
const MAX_FINDINGS = 10_000

export class Findings {
  readonly #byId: Map<string, Finding> = new Map()
  readonly #damagedNodes: Set<number> = new Set()
  /** How many there are beyond those in the list. */
  omitted = 0

  add(
    kind: FindingKind,
    place: { file: string; byteOffset?: number; byteLength?: number; index?: number | null },
    message: string,
    remedy: string,
    severity: Finding['severity'] = 'damage'
  ): void {
    const { file, byteOffset = 0, byteLength = 0, index = null } = place
    const finding = { kind, severity, file, byteOffset, byteLength, index, message, remedy }
    const id = idOf(finding)
    if (this.#byId.has(id)) return
    if (kind === 'node') this.#damagedNodes.add(byteOffset)
    if (this.#byId.size < MAX_FINDINGS) this.#byId.set(id, finding)
    else this.omitted++
  }

  /** Whether a record there is known to be damaged: that it is missing, too, says nothing new. */
  hasDamagedNode(byteOffset: number): boolean {
    return this.#damagedNodes.has(byteOffset)
  }

  get list(): Finding[] {
    return [...this.#byId.values()]
  }
}

/** The same thing found again has the same one. */
export function idOf({ kind, file, byteOffset, index, message }: Finding): string {
  return `${kind} ${file} ${byteOffset} ${index} ${message}`
}
