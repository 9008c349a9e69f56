// `logwood/hypercore` as programs written for npm hypercore load it: required and imported, the class itself.
import { spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Assertions, test } from 'brittle'
import { compile, project } from './project.ts'

const REQUIRED = `
const Hypercore = require('logwood/hypercore')
const main = async () => {
  class Mine extends Hypercore {}
  const core = new Hypercore('./core', { valueEncoding: 'utf-8' })
  await core.append('hello')
  const session = core.session({ class: Mine })
  console.log(await core.get(0), typeof Hypercore.key, session instanceof Mine, session instanceof Hypercore)
  console.log(Hypercore === (await import('logwood/hypercore')).default)
  await session.close()
  await core.close()
}
main()
`

const IMPORTED = `
import Hypercore, { Hypercore as Named } from 'logwood/hypercore'
const core = new Hypercore(null)
await core.append(Buffer.from('hello'))
console.log(String(await core.get(0)), Hypercore === Named)
await core.close()
`

const TYPED = `
import Hypercore, { type GetOptions, type HypercoreOptions } from 'logwood/hypercore'
const options: HypercoreOptions = { valueEncoding: 'json', encryption: { key: new Uint8Array(32) } }
export async function main(): Promise<string[]> {
  const core = new Hypercore<{ name: string }>('./core', options)
  const { length } = await core.append({ name: 'a' }, { maxLength: 10 })
  const how: GetOptions = { timeout: 100 }
  const { name } = await core.get(length - 1, how)
  const maybe: { name: string } | null = await core.get(7, { wait: false })
  const texts = core.session<string>({ valueEncoding: 'utf-8' })
  const text: string = await texts.get(0)
  const [index, offset] = (await core.seek(1)) ?? [0, 0]
  const stream = core.replicate(true)
  core.replicate(false).pipe(stream)
  core.on('append', () => {})
  const key: Buffer | null = core.key
  for await (const value of core.createReadStream({ live: false })) texts.emit(value.name)
  return [name, maybe?.name ?? '', text, String(index + offset), String(key)]
}
`

/** What the program prints; what it complains of, too. */
async function run(t: Assertions, file: string, program: string): Promise<string> {
  const directory = await project(t)
  await writeFile(join(directory, file), program)
  const child = spawn(process.execPath, [file], { cwd: directory, timeout: 30_000 })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data) => {
      text += String(data)
    })
  }
  await new Promise((resolve) => child.once('close', resolve))
  return text
}

test('required, it is the class', async (t) => {
  t.is(await run(t, 'program.cjs', REQUIRED), 'hello function true true\ntrue\n')
})

test('imported, by default and by name, it is the class', async (t) => {
  t.is(await run(t, 'program.mjs', IMPORTED), 'hello true\n')
})

test('a typed program compiles', { timeout: 90_000 }, async (t) => {
  const directory = await project(t)
  await writeFile(join(directory, 'typed.ts'), TYPED)
  t.is(await compile(directory), '')
})
