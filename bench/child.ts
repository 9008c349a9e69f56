// One run in a fresh process. Arguments: case, engine, level. The last line printed is the number.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cases } from './cases/index.ts'
import { isEngineName, type Variant } from './harness.ts'

const [name = '', engine = '', level = ''] = process.argv.slice(2)
const benchCase = cases.find((candidate) => candidate.name === name)
if (benchCase === undefined || !isEngineName(engine))
  throw new Error(`No case ${name} for ${engine}`)

const directory = mkdtempSync(join(tmpdir(), 'logwood-bench-'))
const variant: Variant = level === 'power' || level === 'process' ? { engine, level } : { engine }
try {
  console.log(await benchCase.run(variant, directory))
} finally {
  rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
}
process.exit(0)
