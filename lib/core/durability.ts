// When a change counts as stored: synced, written, or in memory (reliability.md section 2).
export type Durability = 'power' | 'process' | 'memory'
