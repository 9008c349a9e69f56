// Tests the tests: takes one mechanism out after the other, in a copy, and demands that the named tests fail.
// A mutant is a file test/mutants/NAME.patch: lines that begin with "# " say what it takes out, one of them
// "# Caught by: PART [PART ...]" (path parts of test files), then a unified diff. Arguments: parts of names.
// Every mutant is told with the first assertion that failed, so that one can see that it failed for its reason.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = join(root, 'test/mutants')
const wanted = process.argv.slice(2)
const COPIED = ['lib', 'test', 'bench', 'examples', 'scripts', 'package.json', 'tsconfig.json']
/** A mutant that makes a test wait for ever is caught, too. */
const TEST_TIMEOUT_MS = 120_000
const MAX_REASON_CHARACTERS = 110

const names = readdirSync(folder)
  .filter((name) => name.endsWith('.patch'))
  .filter((name) => wanted.length === 0 || wanted.some((part) => name.includes(part)))
  .sort()
if (names.length === 0) {
  console.error('no mutant matches')
  process.exit(1)
}

// One copy for all: a mutant is put in, built on top of what is built, and taken out again.
const copy = mkdtempSync(join(tmpdir(), 'logwood-mutant-'))
let endTests = () => {}
process.on('exit', () => {
  endTests()
  rmSync(copy, { recursive: true, force: true })
})
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1))
for (const each of COPIED) cpSync(join(root, each), join(copy, each), { recursive: true })
symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
mkdirSync(join(copy, 'tmp'))
build()

let survivors = 0
for (const name of names) {
  const startedAt = performance.now()
  const { isCaught, why } = await judge(name)
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  const verdict = isCaught ? 'ok' : 'NOT OK'
  console.log(`${verdict} ${name.replace('.patch', '')} (${seconds} s): ${why}`)
  if (!isCaught) survivors++
}
console.log(`# ${names.length - survivors} of ${names.length} mutants caught`)
process.exit(survivors === 0 ? 0 : 1)

async function judge(name) {
  const text = readFileSync(join(folder, name), 'utf-8')
  const parts = /^# Caught by: (.+)$/m.exec(text)?.[1]?.split(/[\s,]+/)
  if (parts === undefined) return { isCaught: false, why: 'names no test' }
  const files = testFiles(parts)
  if (files.length === 0) return { isCaught: false, why: `no test file matches ${parts.join(' ')}` }
  const diff = text.replace(/^# .*\n/gm, '')
  const patched = apply(diff)
  if (patched.status !== 0)
    return { isCaught: false, why: `does not apply: ${patched.stderr.trim()}` }
  try {
    build()
    const failure = await firstFailure(files)
    if (failure === null) return { isCaught: false, why: `SURVIVED ${parts.join(' ')}` }
    return { isCaught: true, why: failure.slice(0, MAX_REASON_CHARACTERS) }
  } finally {
    apply(diff, '--reverse')
  }
}

function apply(diff, ...flags) {
  const words = ['apply', '--unidiff-zero', '--recount', ...flags, '-']
  return spawnSync('git', words, { cwd: copy, encoding: 'utf-8', input: diff })
}

/** Types may suffer from what is missing; what counts is that it runs. */
function build() {
  const words = ['--no-install', 'tsc', '--incremental', '--noEmitOnError', 'false']
  spawnSync('npx', words, { cwd: copy, stdio: 'ignore' })
}

function testFiles(parts) {
  return readdirSync(join(copy, 'dist/test'), { recursive: true })
    .filter((file) => file.endsWith('.test.js') && parts.some((part) => file.includes(part)))
    .map((file) => join('dist/test', file))
}

/** What goes wrong first in these tests, and null if nothing does. The tests are not run any further. */
async function firstFailure(files) {
  const runner = spawn('npx', ['--no-install', 'brittle-node', ...files], {
    cwd: copy,
    detached: true,
    env: { ...process.env, TMPDIR: join(copy, 'tmp') },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  let failure = null
  let isWhole = false
  let complaint = ''
  // With whatever they have started.
  endTests = () => process.kill(-runner.pid, 'SIGKILL')
  const fail = (why) => {
    if (failure === null) endTests()
    failure ??= why
  }
  const timer = setTimeout(fail, TEST_TIMEOUT_MS, 'a test waits for ever')
  createInterface({ input: runner.stdout }).on('line', (line) => {
    const failed = /^\s*(not ok .*)$/.exec(line)?.[1]
    if (failed !== undefined) fail(failed)
    if (line === '# ok') isWhole = true
  })
  runner.stderr.setEncoding('utf-8').on('data', (text) => {
    complaint += text
  })
  const [code] = await once(runner, 'close')
  clearTimeout(timer)
  endTests = () => {}
  // A test whose event loop runs empty ends the process as if all were well.
  if (failure !== null || (code === 0 && isWhole)) return failure
  return `the run ended: ${/^\w*Error.*$/m.exec(complaint)?.[0] ?? `code ${code}`}`
}
