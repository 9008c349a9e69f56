// Extensions between the façade and npm hypercore: with every encoding, both ways.
import { mixed } from './packages.ts'

mixed('extensions', async ({ t, writer, reader, until }) => {
  const seen: unknown[] = []
  const named = [
    ['plain', undefined],
    ['binary', 'binary'],
    ['utf-8', 'utf-8'],
    ['json', 'json']
  ] as const
  for (const [name, encoding] of named) {
    const handlers = encoding === undefined ? {} : { encoding }
    const ours = writer.registerExtension(name, {
      ...handlers,
      onmessage: (message, peer) => {
        seen.push([name, message])
        ours.send(message, peer)
      }
    })
    const theirs = reader.registerExtension(name, {
      ...handlers,
      onmessage: (message) => seen.push([`${name} back`, message])
    })
    await until(() => reader.peers.length === 1 && writer.peers.length === 1)
    const message = name === 'json' ? { a: 1 } : name === 'utf-8' ? 'text' : Buffer.from('bytes')
    theirs.broadcast(message)
    await until(() => seen.length === 2)
    t.alike(seen.splice(0), [
      [name, message],
      [`${name} back`, message]
    ])
  }
})
