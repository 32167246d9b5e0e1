// Who asks. A wallet signs in by signing what it is given, and has a token for an hour; signing out ends all tokens of the wallet.
//
// Promises: a token counts only while its wallet may take part and has not signed out since. What is known of a wallet is kept for ten minutes;
// a change of its row ends that everywhere as soon as the feed tells of it; a sign-out, and a moderator's decision, before they are answered. Between several processes
// both need one Redis: without it each knows of another's changes when what it has kept has had its time, but for a sign-in, which every
// process knows by its token.

import { forbidden, unauthorized } from 'pgstrata-example-kit'
import { createQuery, forget as forgetLayers, layers } from '../db/query.ts'
import { endTokens, walletByAddress } from '../db/statements/signing-in.ts'
import type { SessionsStrata } from '../strata.ts'
import { bearerOf, type Asking } from './bearer.ts'
import { challenge, proveWallet, type Challenge, type Proof } from './nonces.ts'
import type { ReadToken, Tokens } from './tokens.ts'
import { requireActive, type KnownWallet, type SignedIn } from './wallet.ts'

interface Admission {
  readonly token: string
  readonly expires_at: Date
}

interface Recognised {
  readonly read: ReadToken
  readonly wallet: KnownWallet
}

interface CurrentSignIn {
  readonly wallet: SignedIn
  readonly expiresAt: Date
}

export interface Auth {
  /** `address`, as everywhere here: in lower case. */
  issue(address: string): Promise<Challenge>
  verify(proof: Proof): Promise<Admission>
  /** All tokens of the wallet end. */
  signOut(request: Asking): Promise<void>
  /** The address of whoever asks; undefined: nobody who has signed in and may take part. */
  identify(request: Asking): Promise<string | undefined>
  requireWallet(request: Asking): Promise<SignedIn>
  requireModerator(request: Asking): Promise<SignedIn>
  requireSignIn(request: Asking): Promise<CurrentSignIn>
}

export interface AuthOptions {
  readonly strata: Pick<SessionsStrata, 'query' | 'scope' | 'pool' | 'cache'>
  readonly tokens: Tokens
  readonly moderators: ReadonlySet<string>
  /** Where people sign in, as wallets show it. */
  readonly site: string
}

export function createAuth({ strata, tokens, moderators, site }: AuthOptions): Auth {
  const query = createQuery(strata)
  const forget = async (address: string): Promise<void> => await forgetLayers(strata, layers.wallet(address))
  const find = async ({ address, epoch }: ReadToken): Promise<KnownWallet | undefined> => {
    const read = async (): Promise<KnownWallet | undefined> =>
      (await query<KnownWallet>(walletByAddress.text, [address], layers.wallet(address))).rows[0]
    let wallet = await read()
    // The token is ours, and of an epoch that was not known here: what is kept is older.
    if (wallet === undefined || wallet.token_epoch < epoch) {
      await forget(address)
      wallet = await read()
    }
    return wallet?.token_epoch === epoch ? wallet : undefined
  }
  const readRequest = (request: Asking): ReadToken | undefined => {
    const bearer = bearerOf(request)
    return bearer === undefined ? undefined : tokens.read(bearer)
  }
  const recognise = onceEach(async (request: Asking): Promise<Recognised | undefined> => {
    const read = readRequest(request)
    const wallet = read === undefined ? undefined : await find(read)
    return read === undefined || wallet === undefined ? undefined : { read, wallet }
  })
  const requireSignIn = async (request: Asking): Promise<CurrentSignIn> => {
    const { read, wallet } = requireKnown(request, await recognise(request))
    return { wallet: activeOf(wallet), expiresAt: read.expiresAt }
  }
  const requireWallet = async (request: Asking): Promise<SignedIn> =>
    activeOf(requireKnown(request, await recognise(request)).wallet)
  return {
    issue: async (address) => await challenge(query, { site, address }),
    verify: async (proof) => {
      const wallet = await proveWallet(query, { site, ...proof })
      requireActive(wallet)
      const { token, expiresAt } = tokens.issue({ address: wallet.address, epoch: wallet.token_epoch })
      return { token, expires_at: expiresAt }
    },
    signOut: async (request) => {
      const { address, token_epoch } = requireKnown(request, await recognise(request)).wallet
      await query(endTokens.text, [address, token_epoch])
      await forget(address)
    },
    identify: (request) =>
      recognise(request).then((known) => (known?.wallet.status === 'active' ? known.wallet.address : undefined)),
    requireWallet,
    requireModerator: async (request) => {
      const wallet = await requireWallet(request)
      if (moderators.has(wallet.address)) return wallet
      throw forbidden('This is for moderators, who are told by the addresses of their wallets')
    },
    requireSignIn,
  }
}

function requireKnown(request: Asking, known: Recognised | undefined): Recognised {
  if (known !== undefined) return known
  throw unauthorized(
    bearerOf(request) === undefined
      ? 'This needs a wallet that has signed in: send the token of POST /auth/verify as Authorization: Bearer'
      : 'This token counts no longer, or never did: sign in again at POST /auth/nonce',
  )
}

function activeOf(wallet: KnownWallet): SignedIn {
  requireActive(wallet)
  const { address, display_name, status } = wallet
  return { address, display_name, status }
}

/** A request is recognised once, however many look at it; where that failed, the next one tries again. */
function onceEach<T>(work: (request: Asking) => Promise<T>): (request: Asking) => Promise<T> {
  const known = new WeakMap<Asking, Promise<T>>()
  return (request) => {
    const found = known.get(request)
    if (found !== undefined) return found
    const begun = work(request)
    known.set(request, begun)
    begun.catch(() => known.delete(request))
    return begun
  }
}
