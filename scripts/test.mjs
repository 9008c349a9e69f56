// Builds, then runs every compiled test; `--long` sets LOGWOOD_LONG=1, which widens the seeded suites.
// Further arguments are path parts: only the test files whose path holds one of them are run.
// What the suites say they tried (test/helpers/long.ts) is printed once more at the end.
import { spawn, spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const args = process.argv.slice(2)
const parts = args.filter((arg) => !arg.startsWith('--'))
const env = { ...process.env, ...(args.includes('--long') ? { LOGWOOD_LONG: '1' } : {}) }

const build = spawnSync('npm', ['run', '--silent', 'build'], { cwd: root, env, stdio: 'inherit' })
if (build.status !== 0) process.exit(build.status ?? 1)

const files = readdirSync(new URL('../dist/test', import.meta.url), { recursive: true })
  .filter((name) => name.endsWith('.test.js'))
  .filter((name) => parts.length === 0 || parts.some((part) => name.includes(part)))
  .sort()
  .map((name) => `dist/test/${name}`)
if (files.length === 0) {
  console.error('no test file matches')
  process.exit(1)
}

// Behind all others, which have ended if it begins.
files.push('dist/test/helpers/the-last-test.js')

const runner = spawn('npx', ['--no-install', 'brittle-node', ...files], {
  cwd: root,
  env,
  stdio: ['ignore', 'pipe', 'inherit']
})
const figures = []
let isWhole = false
createInterface({ input: runner.stdout }).on('line', (line) => {
  console.log(line)
  const found = /^\s*# (?:figures )(.+)$/.exec(line)
  if (found) figures.push(found[1])
  if (/^ok \d+ - the last test\b/.test(line)) isWhole = true
})
runner.on('close', (code) => {
  if (figures.length > 0)
    console.log(`\n# tried\n${figures.map((each) => `#   ${each}`).join('\n')}`)
  // A test that waits for what never comes ends the process, once the event loop is empty, as if all were well: then
  // the rest is never run.
  if (!isWhole) console.error('not ok: the run ended before its last test')
  process.exit(isWhole ? (code ?? 1) : 1)
})
