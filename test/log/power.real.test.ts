// T-POWER: a process that appends and truncates in a real directory runs under strace; from its writes and syncs the
// disks are made that a power cut may leave, laid out in directories, and opened by the real code. It sees what a simulated
// disk cannot: a sync forgotten or of another file, a directory never synced, an answer before the sync that covers it.
// Linux with strace; else skipped with the reason.
import { spawnSync } from 'node:child_process'
import { mkdir, realpath, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { test } from 'brittle'
import { Core } from '../../lib/core/core.ts'
import { LogFiles } from '../../lib/storage/log-files.ts'
import { barestDisk, type CrashState, crashStates, SOME } from '../helpers/crash-states.ts'
import { type DiskImage, fingerprint, readInto } from '../helpers/disk-image.ts'
import { seedsFor, tellFigures } from '../helpers/long.ts'
import { seededRandom } from '../helpers/random.ts'
import { lifeOf, stateOf } from './kill-life.ts'
import { readPowerTrace, STRACE_OPTIONS } from './power-trace.ts'

const CHILD = fileURLToPath(new URL('./kill-child.js', import.meta.url))
const GENERATION = 7
const SEED = Number(process.env['LOGWOOD_SEED'] ?? 1)

async function layOut(image: DiskImage, directory: string): Promise<void> {
  await mkdir(directory, { recursive: true })
  for (const [name, file] of image) {
    const bytes = new Uint8Array(file.byteLength)
    readInto(file, 0, bytes)
    await writeFile(`${directory}/${name}`, bytes)
  }
}

test('power cuts of a real process', { timeout: 3_600_000 }, async (t) => {
  const place = await realpath(await t.tmp())
  const directory = `${place}/log`
  await mkdir(directory)
  const output = `${place}/strace`
  const child = [process.execPath, CHILD, directory, 'power', '2', `${GENERATION}`, 'none']
  const ran = spawnSync('strace', [...STRACE_OPTIONS, '-o', output, ...child], {
    encoding: 'utf-8'
  })
  if (ran.error !== undefined || ran.status !== 0) {
    t.comment(`skipped: no tracing here: ${ran.error?.message ?? ran.stderr}`)
    return
  }
  const { trace, said, namesSynced } = await readPowerTrace(output, directory)
  t.ok(trace.length > 40 && said.length > 20, `${trace.length} operations, ${said.length} lines`)
  t.is(namesSynced, 0, 'the directory is synced before anything is written')
  const created = said.find(({ line }) => line.startsWith('open'))!.position
  const opens = async (name: string, image: DiskImage, cut: number): Promise<void> => {
    const lines = said.filter(({ position }) => position <= cut).map(({ line }) => `${line}\n`)
    const life = lifeOf(lines.join(''), GENERATION, [])
    const copy = `${await t.tmp()}/log`
    await layOut(image, copy)
    const how = `T-POWER seed ${SEED}, cut ${cut}, ${name}`
    try {
      const core = await Core.open(await LogFiles.open(copy))
      const { content, what } = await stateOf(core, life)
      if (content === null) t.fail(`${how}: ${what}`)
      // The secret lies at another place: a copy is not appended to.
      if (cut >= created && core.behind !== 'copied') t.fail(`${how}: ${core.behind}`)
      await core.close()
    } catch (error) {
      t.fail(`${how}: ${(error as Error).message}`)
    }
  }
  const answers = said.filter(({ line }) => line.startsWith('done'))
  for (const { line, position } of answers) {
    await opens(
      `as it was certain at "${line}"`,
      barestDisk(new Map(), trace.slice(0, position)),
      position
    )
  }
  const random = seededRandom(SEED)
  const states: { cut: number; state: CrashState }[] = []
  const seen = new Set<string>()
  for (let cut = 0; cut <= trace.length; cut++) {
    const options = { random, sizes: SOME, namesUntil: namesSynced }
    for (const state of crashStates(new Map(), trace, cut, options)) {
      const print = fingerprint(state.disk)
      if (!seen.has(print)) states.push({ cut, state })
      seen.add(print)
    }
  }
  const most = Math.min(seedsFor(60, 2000), states.length)
  for (let i = 0; i < most; i++) {
    const [picked] = states.splice(random.int(states.length), 1)
    const { cut, state } = picked!
    await opens(`${state.family} ${state.name}`, state.disk, cut)
  }
  t.pass(`${most} disks and ${answers.length} answers`)
  tellFigures(t, 'T-POWER', { states: most, answers: answers.length, operations: trace.length })
})
