// resume, end to end: a copied log does not sign until it is told whom to trust; info says how a log stands.
import { cp } from 'node:fs/promises'
import { test } from 'brittle'
import { CommandLine } from './command-line.ts'

test('a copied log is resumed, trusting what is here or what came from peers', async (t) => {
  const line = await CommandLine.open(t)
  await line.run(['create', 'a'])
  await line.run(['append', 'a'], 'one\n')
  for (const [name, trust, fork] of [
    ['b', 'local', 1],
    ['c', 'peers', 0]
  ] as const) {
    await cp(line.path('a'), line.path(name), { recursive: true })
    const info = await line.run(['info', name])
    t.ok(info.stdout.includes('behind         copied'), info.stdout)
    const refused = await line.run(['append', name], 'two\n')
    t.is(refused.code, 1)
    t.ok(refused.stderr.includes('logwood resume'), refused.stderr)
    const resumed = await line.run(['resume', name, '--trust', trust, '--json'])
    t.alike(JSON.parse(resumed.stdout), { was: 'copied', fork, length: 1 })
    t.is((await line.run(['append', name], 'two\n')).code, 0)
    t.absent((await line.run(['info', name])).stdout.includes('behind'))
    const again = await line.run(['resume', name, '--trust', trust])
    t.ok(again.stdout.startsWith('it could be appended to already'))
  }
  t.is((await line.run(['resume', 'a', '--trust', 'nobody'])).code, 64)
  t.is((await line.run(['resume', 'none', '--trust', 'local'])).code, 1)
})
