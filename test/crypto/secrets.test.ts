// C9 and C10 of reliability.md section 9: weak points are refused, and secrets are compared in one place only.
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'brittle'
import { diffieHellman } from '../../lib/crypto/dh.ts'
import { createKeyPair } from '../../lib/crypto/key-pair.ts'
import { equalSecrets } from '../../lib/crypto/wipe.ts'

const LIB = new URL('../../../lib/', import.meta.url)

test('C9 points of small order, no points, keys that are not canonical: no shared secret', (t) => {
  const pair = createKeyPair()
  const [zero, one] = [new Uint8Array(32), new Uint8Array(32)]
  one[0] = 1
  const minusOne = new Uint8Array(32).fill(0xff)
  minusOne[0] = 0xec
  minusOne[31] = 0x7f
  const prime = minusOne.slice()
  prime[0] = 0xed
  const primePlusOne = minusOne.slice()
  primePlusOne[0] = 0xee
  const all = new Uint8Array(32).fill(0xff)
  for (const key of [zero, one, minusOne, prime, primePlusOne, all]) {
    t.is(diffieHellman(pair, key), null)
  }
  t.ok(diffieHellman(pair, createKeyPair().publicKey) !== null)
})

test('C10 where secrets are, nothing compares bytes but equalSecrets', (t) => {
  let files = 0
  for (const folder of ['crypto', 'noise', 'secret-stream', 'replication']) {
    const names = readdirSync(new URL(`${folder}/`, LIB), { recursive: true, encoding: 'utf-8' })
    for (const name of names.filter((each) => each.endsWith('.ts'))) {
      files++
      const text = readFileSync(new URL(`${folder}/${name}`, LIB), 'utf-8')
      if (/\bequalBytes\b|\bb4a\b|Buffer\.compare|\.every\(/.test(text)) {
        t.fail(`${folder}/${name} compares bytes in another way`)
      }
    }
  }
  t.ok(files > 30, `${files} files`)
  t.ok(equalSecrets(new Uint8Array(3), new Uint8Array(3)))
  t.absent(equalSecrets(new Uint8Array(3), new Uint8Array(4)))
  t.absent(equalSecrets(new Uint8Array([1]), new Uint8Array([2])))
})
