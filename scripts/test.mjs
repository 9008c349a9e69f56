// Builds, then runs every compiled test; `--long` sets LOGWOOD_LONG=1, which widens the seeded suites.
// Further arguments are path parts: only the test files whose path holds one of them are run.
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const args = process.argv.slice(2)
const parts = args.filter((arg) => !arg.startsWith('--'))
const env = { ...process.env, ...(args.includes('--long') ? { LOGWOOD_LONG: '1' } : {}) }

const run = (command, words) =>
  spawnSync(command, words, { cwd: root, env, stdio: 'inherit' }).status ?? 1

const build = run('npm', ['run', '--silent', 'build'])
if (build !== 0) process.exit(build)

const files = readdirSync(new URL('../dist/test', import.meta.url), { recursive: true })
  .filter((name) => name.endsWith('.test.js'))
  .filter((name) => parts.length === 0 || parts.some((part) => name.includes(part)))
  .sort()
  .map((name) => `dist/test/${name}`)
if (files.length === 0) {
  console.error('no test file matches')
  process.exit(1)
}
process.exit(run('npx', ['--no-install', 'brittle-node', ...files]))
