// The states of a partition between its tiers, and which one follows on what happens. Total: every event is decided in every state.
//
// A state with a colon names what is to be done next; a mover that dies leaves the state of what it had not finished, and whoever
// comes next does it. Each step is one transaction with its change of state, or can be done again.
//
//   slim, pack, unpack:  guarding → building → settling → swapping → slim, packed, hot
//   archive:             guarding → exporting → uploading → verifying → archived → dropping → cold
//   restore:             fetching → loading → attaching → hot
//
// `late`: rows that came behind the snapshot were brought over, and older snapshots are waited out again. `anew`: rows were changed,
// or the definition: the move begins again. `abort`: what it made is taken away (`aborting`), and the partition is at rest where it
// came from.

/** Tiers: nothing is under way. */
export const restingStates = ['hot', 'slim', 'packed', 'cold'] as const
export type Rest = (typeof restingStates)[number]

export const states = [
  'hot',
  'slim',
  'packed',
  'cold',
  'slim:guarding',
  'slim:building',
  'slim:settling',
  'slim:swapping',
  'pack:guarding',
  'pack:building',
  'pack:settling',
  'pack:swapping',
  'unpack:guarding',
  'unpack:building',
  'unpack:settling',
  'unpack:swapping',
  'archive:guarding',
  'archive:exporting',
  'archive:uploading',
  'archive:verifying',
  'archived',
  'dropping',
  'restore:fetching',
  'restore:loading',
  'restore:attaching',
  'aborting',
] as const
export type State = (typeof states)[number]

/** What begins a move, and what may be asked for. */
export const moves = ['slim', 'pack', 'unpack', 'archive', 'drop', 'restore'] as const
export type Move = (typeof moves)[number]

export const events = [
  'slim',
  'pack',
  'unpack',
  'archive',
  'drop',
  'restore',
  'completed',
  'late',
  'anew',
  'abort',
] as const
export type Event = (typeof events)[number]

/** `rest`: the tier that the move began from. `null`: cannot happen in this state; to ask for it is refused. */
type Next = State | 'rest' | null

type Following = Readonly<Record<Event, Next>>

const never: Following = {
  slim: null,
  pack: null,
  unpack: null,
  archive: null,
  drop: null,
  restore: null,
  completed: null,
  late: null,
  anew: null,
  abort: null,
}
const moving: Following = { ...never, abort: 'aborting' }

export const transitions: Readonly<Record<State, Following>> = {
  hot: { ...never, slim: 'slim:guarding', pack: 'pack:guarding', archive: 'archive:guarding' },
  // Slimmed again, or with the indexes that every partition has.
  slim: {
    ...never,
    slim: 'slim:guarding',
    pack: 'pack:guarding',
    unpack: 'unpack:guarding',
    archive: 'archive:guarding',
  },
  // Packed again: with what came late and what was changed.
  packed: { ...never, pack: 'pack:guarding', unpack: 'unpack:guarding', archive: 'archive:guarding' },
  cold: { ...never, restore: 'restore:fetching' },

  'slim:guarding': { ...moving, completed: 'slim:building' },
  'slim:building': { ...moving, completed: 'slim:settling', anew: 'slim:guarding' },
  'slim:settling': { ...moving, completed: 'slim:swapping', anew: 'slim:guarding' },
  'slim:swapping': { ...moving, completed: 'slim', late: 'slim:settling', anew: 'slim:guarding' },

  'pack:guarding': { ...moving, completed: 'pack:building' },
  'pack:building': { ...moving, completed: 'pack:settling', anew: 'pack:guarding' },
  'pack:settling': { ...moving, completed: 'pack:swapping', anew: 'pack:guarding' },
  'pack:swapping': { ...moving, completed: 'packed', anew: 'pack:guarding' },

  'unpack:guarding': { ...moving, completed: 'unpack:building' },
  'unpack:building': { ...moving, completed: 'unpack:settling', anew: 'unpack:guarding' },
  'unpack:settling': { ...moving, completed: 'unpack:swapping', anew: 'unpack:guarding' },
  'unpack:swapping': { ...moving, completed: 'hot', late: 'unpack:settling', anew: 'unpack:guarding' },

  'archive:guarding': { ...moving, completed: 'archive:exporting' },
  'archive:exporting': { ...moving, completed: 'archive:uploading', anew: 'archive:guarding' },
  'archive:uploading': { ...moving, completed: 'archive:verifying', anew: 'archive:guarding' },
  'archive:verifying': { ...moving, completed: 'archived', anew: 'archive:guarding' },
  archived: { ...moving, drop: 'dropping', anew: 'archive:guarding' },
  dropping: { ...moving, completed: 'cold', anew: 'archive:guarding' },

  'restore:fetching': { ...moving, completed: 'restore:loading' },
  'restore:loading': { ...moving, completed: 'restore:attaching', anew: 'restore:fetching' },
  'restore:attaching': { ...moving, completed: 'hot', anew: 'restore:fetching' },

  aborting: { ...never, completed: 'rest' },
}

const resting: ReadonlySet<string> = new Set(restingStates)

export function isResting(state: State): state is Rest {
  return resting.has(state)
}

/** `null`: refused. */
export function follow({ state, rest }: { readonly state: State; readonly rest: Rest }, event: Event): State | null {
  const next = transitions[state][event]
  return next === 'rest' ? rest : next
}
