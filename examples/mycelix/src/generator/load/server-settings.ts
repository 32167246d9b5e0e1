// What a server is set to that has nothing to do but to be loaded. Ten million plays are some three million pairs of a song and a listener,
// and as many of an artist and a listener.

/**
 * Without autovacuum nobody analyzes tables in the middle of a load, when the planner has most to get wrong: told of as many pairs as plays it
 * sorts them all, which takes nearly twice as long as to count them in a hash table. The load analyzes everything at its end. With this
 * memory, of which hash tables get twice as much, the pairs of two rollups at once stay off the disk.
 */
export const loadSettings: Readonly<Record<string, string>> = { autovacuum: 'off', work_mem: '256MB' }
