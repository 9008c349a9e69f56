// Tests the tests: takes one mechanism out after the other, in a copy, and demands that the named tests fail.
// A mutant is a file test/mutants/NAME.patch: lines that begin with "# " say what it takes out, one of them
// "# Caught by: PART [PART ...]" (path parts of test files), then a unified diff. Arguments: parts of names.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = join(root, 'test/mutants')
const wanted = process.argv.slice(2)
const COPIED = ['lib', 'test', 'bench', 'examples', 'scripts', 'package.json', 'tsconfig.json']
/** A mutant that makes a test wait for ever is caught, too. */
const TEST_TIMEOUT_MS = 120_000

const names = readdirSync(folder)
  .filter((name) => name.endsWith('.patch'))
  .filter((name) => wanted.length === 0 || wanted.some((part) => name.includes(part)))
  .sort()
if (names.length === 0) {
  console.error('no mutant matches')
  process.exit(1)
}

const survivors = []
for (const name of names) {
  const verdict = judge(name)
  console.log(`${verdict === 'caught' ? 'ok' : 'NOT OK'} ${name.replace('.patch', '')}: ${verdict}`)
  if (verdict !== 'caught') survivors.push(name)
}
console.log(`# ${names.length - survivors.length} of ${names.length} mutants caught`)
process.exit(survivors.length === 0 ? 0 : 1)

function judge(name) {
  const text = readFileSync(join(folder, name), 'utf-8')
  const tests = /^# Caught by: (.+)$/m.exec(text)?.[1]?.split(/[\s,]+/)
  if (tests === undefined) return 'names no test'
  const copy = mkdtempSync(join(tmpdir(), 'logwood-mutant-'))
  try {
    for (const each of COPIED) cpSync(join(root, each), join(copy, each), { recursive: true })
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
    const diff = text.replace(/^# .*\n/gm, '')
    const patched = run(copy, 'git', ['apply', '--unidiff-zero', '--recount', '-'], { input: diff })
    if (patched.status !== 0) return `does not apply: ${patched.stderr.trim()}`
    // Types may suffer from what is missing; what counts is that it runs.
    run(copy, 'npx', ['--no-install', 'tsc', '--noEmitOnError', 'false'])
    const files = readdirSync(join(copy, 'dist/test'), { recursive: true })
      .filter((file) => file.endsWith('.test.js') && tests.some((part) => file.includes(part)))
      .map((file) => join('dist/test', file))
    if (files.length === 0) return `no test file matches ${tests.join(' ')}`
    const tested = run(copy, 'npx', ['--no-install', 'brittle-node', ...files], {
      timeout: TEST_TIMEOUT_MS
    })
    return tested.status === 0 ? `SURVIVED ${tests.join(' ')}` : 'caught'
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}

function run(cwd, command, words, options = {}) {
  return spawnSync(command, words, { cwd, encoding: 'utf-8', maxBuffer: 2 ** 28, ...options })
}
