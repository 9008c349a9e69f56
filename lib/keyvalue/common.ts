// Common components: what all leaves of one block begin with is written once (spec hamt.md section 7.5).
import { equalBytes } from '../util/bytes.ts'
import type { Key } from './key.ts'
import { TrieBranch, TrieLeaf, type TrieNode, UNSAVED } from './trie.ts'

/** What all leaves of the block begin with, but no whole key; nothing if there is one leaf only. */
export function commonComponents(root: TrieNode): Key {
  const found: { common: Key | null; leaves: number } = { common: null, leaves: 0 }
  gather(root, found)
  return found.common === null || found.leaves < 2 ? [] : found.common
}

function gather(node: TrieNode, found: { common: Key | null; leaves: number }): void {
  if (node instanceof TrieLeaf) {
    found.leaves++
    found.common = shared(found.common, node.key)
  } else if (node instanceof TrieBranch) {
    for (const child of node.slots) {
      if (found.common?.length === 0) return
      if (child !== null && typeof child === 'object' && child.source === UNSAVED) {
        gather(child, found)
      }
    }
  }
}

function shared(common: Key | null, key: Key): Key {
  if (common === null) return key.slice(0, -1)
  const most = Math.min(common.length, key.length - 1)
  let count = 0
  while (count < most && equalBytes(common[count]!, key[count]!)) count++
  return count === common.length ? common : common.slice(0, count)
}
