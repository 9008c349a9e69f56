// Keys derived from a primary key and names: those of npm corestore 7.12.5, from test/vectors/log.json.
import { test } from 'brittle'
import { discoveryKeyOf } from '../../lib/core/manifest.ts'
import { ArgumentError } from '../../lib/errors.ts'
import {
  childNamespace,
  keyOfPair,
  keyPairOfName,
  ROOT_NAMESPACE
} from '../../lib/store/key-ring.ts'
import { fromUtf8, toHex } from '../../lib/util/bytes.ts'
import { hex, loadVectors } from '../helpers/vectors.ts'

interface Row {
  namespacePath: string[]
  namespace: string
  name: string
  seedHex: string
  publicKey: string
  key?: string
  discoveryKey?: string
}

const { corestore } = loadVectors<{ corestore: { primaryKey: string; rows: Row[] } }>('log')

test('key pairs, keys and discovery keys of names in namespaces', (t) => {
  for (const row of corestore.rows) {
    const namespace = row.namespacePath.reduce(
      (parent, name) => childNamespace(parent, name),
      ROOT_NAMESPACE
    )
    t.is(toHex(namespace), row.namespace, `namespace ${row.namespacePath.join('/')}`)
    const keyPair = keyPairOfName(hex(corestore.primaryKey), namespace, row.name)
    t.is(toHex(keyPair.secretKey.subarray(0, 32)), row.seedHex, `seed of "${row.name}"`)
    t.is(toHex(keyPair.publicKey), row.publicKey)
    if (row.key === undefined) continue
    t.is(toHex(keyOfPair(keyPair)), row.key)
    t.is(toHex(discoveryKeyOf(keyOfPair(keyPair))), row.discoveryKey)
  }
})

test('a namespace may be named by bytes; a name has its limit', (t) => {
  t.alike(childNamespace(ROOT_NAMESPACE, fromUtf8('a')), childNamespace(ROOT_NAMESPACE, 'a'))
  keyPairOfName(hex(corestore.primaryKey), ROOT_NAMESPACE, 'n'.repeat(1024))
  for (const name of ['n'.repeat(1025), 'é'.repeat(513)]) {
    try {
      keyPairOfName(hex(corestore.primaryKey), ROOT_NAMESPACE, name)
      t.fail('a name that is too long')
    } catch (error) {
      t.ok(error instanceof ArgumentError)
    }
  }
})
