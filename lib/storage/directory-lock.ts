// The lock of a log's directory, without native help: a file, there with its content or not at all, that names its
// owner. It is stale only if that process is gone on this host, or it is from another boot; taking over is by
// renaming an own file over it, one at a time, and reading again after a while. A lock of another host is never stale by itself.
// Owner: LogFiles. Design: reliability.md section 14. With log-files.ts and file.ts the only user of node:fs.
//
// Content, JSON, one line: { pid, started, boot, host, token }
import { constants, linkSync, readFileSync, renameSync, unlinkSync } from 'node:fs'
import { open, unlink } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { type Env, systemEnv } from '../env.ts'
import { StateError } from '../errors.ts'
import { toHex } from '../util/bytes.ts'
import { sleep } from '../util/sleep.ts'
import { LOCK_SETTLE_MS } from './constants.ts'

export interface LockOwner {
  readonly pid: number
  /** Start time of the process in the system's own unit; empty where it cannot be told. */
  readonly started: string
  /** The boot it runs under; empty where it cannot be told. */
  readonly boot: string
  readonly host: string
  readonly token: string
}

/** Directories that this process holds, by real path: the file alone could not tell two owners in one process. */
const held = new Set<string>()
let drafts = 0

/** What file systems without hard links say. */
const NO_LINKS: readonly string[] = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']

export class DirectoryLock {
  readonly #directory: string
  readonly #path: string
  readonly #text: string
  readonly #env: Env

  private constructor(directory: string, owner: LockOwner, env: Env) {
    this.#env = env
    this.#directory = directory
    this.#path = join(directory, 'lock')
    this.#text = `${JSON.stringify(owner)}\n`
  }

  /**
   * @param directory its real path
   * @throws StateError LOCKED, at once, naming the owner's process
   */
  static async take(directory: string, env: Env = systemEnv): Promise<DirectoryLock> {
    if (held.has(directory)) throw locked(directory, `process ${process.pid} (this one)`)
    held.add(directory)
    try {
      const owner: LockOwner = {
        pid: process.pid,
        started: startTimeOf(process.pid),
        boot: bootId(),
        host: hostname(),
        token: toHex(env.randomBytes(16))
      }
      const lock = new DirectoryLock(directory, owner, env)
      await lock.#acquire()
      return lock
    } catch (error) {
      held.delete(directory)
      throw error
    }
  }

  async release(): Promise<void> {
    try {
      if (readIfThere(this.#path) === this.#text) await unlink(this.#path)
    } finally {
      held.delete(this.#directory)
    }
  }

  async #acquire(): Promise<void> {
    if (await createExclusively(this.#path, this.#text)) return
    const found = readIfThere(this.#path)
    if (found === null) {
      if (await createExclusively(this.#path, this.#text)) return
      throw locked(this.#directory, 'another process')
    }
    const owner = parseOwner(found)
    if (owner !== null && !isStale(owner)) {
      throw locked(this.#directory, `process ${owner.pid}${hostHint(owner)}`)
    }
    await this.#takeOver(found)
  }

  /**
   * An unreadable lock is what a power cut leaves of one: its owner is gone. One at a time takes over, so that nobody
   * renames over the lock of who came first, however long it was held up between looking and renaming.
   */
  async #takeOver(stale: string): Promise<void> {
    const turn = `${this.#path}.turn`
    const holder = readIfThere(turn)
    const before = holder === null ? null : parseOwner(holder)
    if (holder !== null && (before === null || isStale(before))) unlinkIfThere(turn)
    if (!(await createExclusively(turn, this.#text))) {
      throw locked(this.#directory, 'another process')
    }
    try {
      const own = `${this.#path}.${process.pid}.${held.size}.tmp`
      unlinkIfThere(own)
      if (!(await createExclusively(own, this.#text)) || readIfThere(this.#path) !== stale) {
        unlinkIfThere(own)
        throw locked(this.#directory, 'another process')
      }
      renameSync(own, this.#path)
    } finally {
      unlinkIfThere(turn)
    }
    await settled(this.#env)
    const now = readIfThere(this.#path)
    if (now === this.#text) return
    const winner = now === null ? null : parseOwner(now)
    throw locked(this.#directory, winner === null ? 'another process' : `process ${winner.pid}`)
  }
}

/** The timers of Env do not keep the process alive; an open port does, so opening a log does not end it. */
async function settled(env: Env): Promise<void> {
  const { port1 } = new MessageChannel()
  port1.ref()
  await sleep(env, LOCK_SETTLE_MS)
  port1.close()
}

/** The file appears with its content or not at all, where the file system knows links. */
async function createExclusively(path: string, text: string): Promise<boolean> {
  const draft = `${path}.${process.pid}.${++drafts}.draft`
  unlinkIfThere(draft)
  try {
    await writeNew(draft, text)
    linkSync(draft, path)
    return true
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') return false
    if (!NO_LINKS.includes(code)) throw error
    return await createInPlace(path, text)
  } finally {
    unlinkIfThere(draft)
  }
}

async function createInPlace(path: string, text: string): Promise<boolean> {
  try {
    await writeNew(path, text)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

async function writeNew(path: string, text: string): Promise<void> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL
  const handle = await open(path, flags, 0o600)
  try {
    await handle.writeFile(text)
  } catch (error) {
    // An empty lock would be nobody's, and in the way.
    unlinkIfThere(path)
    throw error
  } finally {
    await handle.close()
  }
}

function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf-8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

/** Null: the text is no owner. */
export function parseOwner(text: string): LockOwner | null {
  try {
    const owner = JSON.parse(text) as Partial<LockOwner> | null
    if (owner === null || typeof owner.pid !== 'number' || typeof owner.host !== 'string')
      return null
    const { pid, host, started = '', boot = '', token = '' } = owner
    return { pid, host, started, boot, token }
  } catch {
    return null
  }
}

function isStale(owner: LockOwner): boolean {
  if (owner.host !== hostname()) return false
  const boot = bootId()
  if (boot !== '' && owner.boot !== '' && owner.boot !== boot) return true
  if (!isAlive(owner.pid)) return true
  const started = startTimeOf(owner.pid)
  return started !== '' && owner.started !== '' && started !== owner.started
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Clock ticks since boot at which the process began, from Linux's /proc; elsewhere empty. */
function startTimeOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf-8')
    // The second field, the name, may contain anything; the fields behind its closing bracket are numbers.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
  } catch {
    return ''
  }
}

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf-8').trim()
  } catch {
    return ''
  }
}

function hostHint(owner: LockOwner): string {
  return owner.host === hostname()
    ? ''
    : ` on host ${owner.host}; if that is gone for good, remove the file "lock"`
}

function locked(directory: string, owner: string): StateError {
  return new StateError('LOCKED', `The log in ${directory} is open in ${owner}`)
}
