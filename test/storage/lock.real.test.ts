// T-LOCK with processes: a stopped owner is still the owner, a killed one is not; of those who come at one moment exactly
// one gets in, whether there was no lock or a dead owner's; a lock of an earlier boot is nobody's.
import { type ChildProcess, spawn } from 'node:child_process'
import { readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { type Assertions, test } from 'brittle'
import { Core } from '../../lib/core/core.ts'
import type { LogwoodError } from '../../lib/errors.ts'
import { LogFiles } from '../../lib/storage/log-files.ts'
import { seedsFor, tellFigures } from '../helpers/long.ts'

const CHILD = fileURLToPath(new URL('./lock-child.js', import.meta.url))

interface Contender {
  readonly process: ChildProcess
  readonly outcome: Promise<string>
}

function contend(t: Assertions, directory: string, goAt = 0): Contender {
  const child = spawn(process.execPath, [CHILD, directory, `${goAt}`], {
    stdio: ['ignore', 'pipe', 'inherit']
  })
  t.teardown(() => child.kill('SIGKILL'))
  child.stdout.setEncoding('utf-8')
  const outcome = new Promise<string>((resolve) => {
    child.stdout.once('data', (text: string) => resolve(text.trim()))
    child.once('exit', () => resolve('gone'))
  })
  return { process: child, outcome }
}

async function end({ process: child }: Contender): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await gone
}

async function messageOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'none',
    (error: LogwoodError) => `${error.code} ${error.message}`
  )
}

test('another process, by any path; read only beside it; stopped; killed', async (t) => {
  const directory = await t.tmp()
  await (await Core.open(await LogFiles.open(directory))).close()
  await symlink(directory, `${directory}-link`)
  const owner = contend(t, directory)
  t.is(await owner.outcome, 'held')
  const paths = [directory, `${directory}/.`, `${directory}/../${directory.split('/').at(-1)}`]
  for (const path of [...paths, `${directory}-link`]) {
    const message = await messageOf(LogFiles.open(path))
    t.ok(message.startsWith('LOCKED') && message.includes(`process ${owner.process.pid}`), path)
  }
  const reader = await Core.open(await LogFiles.open(directory, { readOnly: true }))
  t.is(reader.readOnly, true)
  await reader.close()
  owner.process.kill('SIGSTOP')
  t.ok((await messageOf(LogFiles.open(directory))).startsWith('LOCKED'), 'stopped')
  owner.process.kill('SIGCONT')
  await end(owner)
  const files = await LogFiles.open(directory)
  t.pass('free at once after a kill')
  await files.close()
  const names = await readdir(directory)
  t.alike(
    names.filter((name) => name.startsWith('lock')),
    [],
    'nothing is left behind'
  )
})

test('of two that come at one moment one gets in', { timeout: 3_600_000 }, async (t) => {
  const races = seedsFor(20, 500)
  let stale = 0
  for (let race = 0; race < races; race++) {
    const directory = await t.tmp()
    if (race % 2 === 1) {
      stale++
      const dead = {
        pid: 2 ** 22 + 1,
        started: '1',
        boot: '',
        host: (await hostOf(directory)) ?? ''
      }
      await writeFile(`${directory}/lock`, `${JSON.stringify({ ...dead, token: '' })}\n`)
    }
    const goAt = Date.now() + 250
    const contenders = [contend(t, directory, goAt), contend(t, directory, goAt)]
    const outcomes = await Promise.all(contenders.map((each) => each.outcome))
    const held = outcomes.filter((outcome) => outcome === 'held').length
    const refused = outcomes.filter((outcome) => outcome.startsWith('LOCKED')).length
    await Promise.all(contenders.map(end))
    if (held > 1 || held + refused !== 2) t.fail(`race ${race}: ${outcomes.join(', ')}`)
    if (held === 0) {
      // Both may give way to each other; whoever comes next gets in.
      await (await LogFiles.open(directory)).close()
    }
  }
  t.pass(`${races} races`)
  tellFigures(t, 'T-LOCK', { races, stale })
})

async function hostOf(directory: string): Promise<string | null> {
  const files = await LogFiles.open(directory)
  const owner = JSON.parse(await readFile(`${directory}/lock`, 'utf-8')) as { host: string }
  await files.close()
  return owner.host
}

test('a lock of an earlier boot; a turn left behind by who died in it', async (t) => {
  const directory = await t.tmp()
  const files = await LogFiles.open(directory)
  const own = JSON.parse(await readFile(`${directory}/lock`, 'utf-8')) as Record<string, unknown>
  await files.close()
  if (own['boot'] === '')
    return t.comment('skipped: this system does not tell one boot from another')
  const old = JSON.stringify({ ...own, boot: 'an earlier one' })
  await writeFile(`${directory}/lock`, old)
  await writeFile(`${directory}/lock.turn`, old)
  await (await LogFiles.open(directory)).close()
  await writeFile(`${directory}/lock`, JSON.stringify({ ...own, host: 'elsewhere', boot: 'old' }))
  t.ok(
    (await messageOf(LogFiles.open(directory))).includes('elsewhere'),
    'another host is never stale'
  )
})
