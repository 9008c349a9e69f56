// audit: reads the files of a log as they are, past all caches, and says what is wrong with them. It recovers a state
// of its own from the oplog, as an opening would, so what only memory holds is no finding, and it works on logs that
// are open elsewhere. Changes nothing; memory: caches of AUDIT_CACHE_BYTES. While a log is written to, a look can
// fall between two writes: what was found counts only if it is found again. Design: reliability.md section 7.
import { ENDS_BEFORE } from '../../storage/file.ts'
import type { LogFiles } from '../../storage/log-files.ts'
import { type OplogScan, scanOplog } from '../../storage/oplog-scan.ts'
import { readSecret } from '../../storage/secret-file.ts'
import { throwIfAborted } from '../../util/abort.ts'
import { decodeManifest } from '../manifest.ts'
import { isSigned, type Opened, usableKeyPair } from '../opening.ts'
import { recover } from '../recovery.ts'
import { guarded } from './audit-guard.ts'
import { auditSectors } from './audit-sectors.ts'
import { auditTree } from './audit-tree.ts'
import { type Finding, Findings, idOf, REMEDY } from './finding.ts'

export interface AuditOptions {
  /** Also hashes all blocks that are held. */
  deep?: boolean
  signal?: AbortSignal
}

/** How much was looked at. */
export interface Checked {
  files: number
  entries: number
  nodes: number
  pages: number
  blocks: number
}

export interface AuditReport {
  readonly findings: Finding[]
  /** How many more there are than are listed. */
  readonly omitted: number
  readonly checked: Readonly<Checked>
}

const AUDIT_CACHE_BYTES = 4 * 1024 * 1024
/** Looks at a log that goes on being written to. */
const MAX_LOOKS = 5

export async function audit(opened: Opened, options: AuditOptions = {}): Promise<AuditReport> {
  let last = await look(opened, options)
  for (let count = 1; count < MAX_LOOKS && last.findings.length > 0; count++) {
    const next = await look(opened, options)
    const ids = new Set(last.findings.map(idOf))
    const findings = next.findings.filter((finding) => ids.has(idOf(finding)))
    // One look alone can fall between an entry and the writes that follow it.
    const isAtRest = next.seq === last.seq && next.seq === (await lastSeqOf(opened.files))
    last = { ...next, findings }
    if (isAtRest) return last
  }
  // Of a file that is made shorter and longer again all the time, not even its end says much.
  const isOurs = !opened.files.readOnly
  const isMoving = ({ kind, message }: Finding): boolean =>
    kind === 'unreadable' && (!isOurs || message.endsWith(ENDS_BEFORE))
  return { ...last, findings: last.findings.filter((finding) => !isMoving(finding)) }
}

type Look = AuditReport & { readonly seq: number }

async function look(opened: Opened, options: AuditOptions): Promise<Look> {
  const findings = new Findings()
  const checked: Checked = { files: 5, entries: 0, nodes: 0, pages: 0, blocks: 0 }
  const files = opened.files.view(AUDIT_CACHE_BYTES)
  throwIfAborted(options.signal)
  if (opened.files.readOnly) await files.refresh()
  addOpening(opened, findings)
  await guarded(findings, 'oplog', () => auditSectors(files.oplog, opened.key, findings))
  const scan = await guarded(findings, 'oplog', () => scanOf(files))
  if (scan !== null) {
    checked.entries = scan.entries.length + 1
    await guarded(findings, 'oplog', () =>
      auditState(opened, files, scan, options, findings, checked)
    )
  }
  await guarded(findings, 'secret', () => auditSecret(opened, files, findings))
  await auditDirectory(opened, findings)
  return {
    findings: findings.list,
    omitted: findings.omitted,
    checked,
    seq: scan?.position.lastSeq ?? 0
  }
}

async function auditState(
  opened: Opened,
  files: LogFiles,
  scan: OplogScan,
  options: AuditOptions,
  findings: Findings,
  checked: Checked
): Promise<void> {
  const page = { nodes: 48, presence: 4096, oplog: 0, blocks: 0 }
  const { state, lost, position } = await recover(files, scan, ({ file, byteOffset }) => {
    if (file === 'oplog') return
    const kind = file === 'nodes' ? 'node' : 'presence'
    const place = { file, byteOffset, byteLength: page[file] }
    findings.add(kind, place, `${file} has a damaged record at byte ${byteOffset}`, REMEDY.repair)
  })
  const place = { file: 'oplog', byteOffset: position.tail }
  if (lost !== null) {
    const what = `Entries ${lost.from} to ${lost.to} were acknowledged and cannot be read`
    findings.add('entries-lost', place, what, REMEDY.resume)
  } else if (scan.headerSkipped) {
    const what = 'The header of the newest half is damaged; what it said is known'
    findings.add('header', place, what, REMEDY.repair)
  }
  const manifest = state.manifest === null ? null : decodeManifest(state.manifest)
  if (!isSigned(state, manifest, opened.key)) {
    findings.add('head', place, 'The head is not signed by the key of the log', REMEDY.salvage)
  }
  await auditTree(files, state, options, findings, checked)
  state.close()
}

async function auditSecret(opened: Opened, files: LogFiles, findings: Findings): Promise<void> {
  const secret = await readSecret(files.secret)
  if (secret === null || opened.manifest === null) return
  if (usableKeyPair(secret, opened.manifest, opened.key) !== null) return
  const place = { file: 'secret', byteLength: files.secret.byteLength }
  findings.add('secret', place, 'secret holds the key pair of another log', REMEDY.secret)
}

/** What only the opening could see, and wrote over since. */
function addOpening({ fence, damages }: Opened, findings: Findings): void {
  if (fence.reason !== null) {
    const what = `The log may not be appended to: it is behind (${fence.reason})`
    findings.add('behind', { file: 'oplog' }, what, REMEDY.resume, 'warning')
  }
  if (fence.reason !== null && damages.some(({ file }) => file === 'oplog')) {
    const what = 'Acknowledged entries were missing when the log was opened'
    findings.add('entries-lost', { file: 'oplog', byteOffset: -1 }, what, REMEDY.resume)
  }
}

async function auditDirectory({ files }: Opened, findings: Findings): Promise<void> {
  const survey = await files.survey()
  if (survey === null) return
  for (const { name, mode } of survey.wide) {
    const what = `${name === '.' ? 'The directory' : name} can be read by others: its mode is ${mode}`
    findings.add('rights', { file: name }, what, REMEDY.rights, 'warning')
  }
  for (const name of survey.links) {
    findings.add('rights', { file: name }, `${name} is a symbolic link`, REMEDY.look, 'warning')
  }
  for (const name of survey.foreign) {
    const what = `${name} does not belong to a log`
    findings.add('foreign-file', { file: name }, what, REMEDY.look, 'warning')
  }
  for (const name of survey.missing) {
    if (name === 'secret') continue
    findings.add('unreadable', { file: name }, `There is no file ${name}`, REMEDY.repair)
  }
  const { lock } = survey
  if (!files.readOnly && lock?.pid !== process.pid) {
    const what = 'The lock of this log does not name this process'
    findings.add('lock', { file: 'lock' }, what, 'close the log, and see who else opened it')
  }
}

async function scanOf(files: LogFiles): Promise<OplogScan | null> {
  const found = await scanOplog(files.oplog, true)
  return found.kind === 'log' ? found.scan : null
}

async function lastSeqOf(files: LogFiles): Promise<number> {
  if (files.readOnly) await files.refresh()
  return (await scanOf(files).catch(() => null))?.position.lastSeq ?? -1
}
