// What must be true of distances whichever way they are reckoned: the same answers, which are those of plain trigonometry, at poles,
// across the date line, and where nodes have no location.

import fc from 'fast-check'
import { sql, type Kysely } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Database } from '../../../examples/streamr/src/database.ts'
import { earthRadiusM, farthestM, type Place } from '../../../examples/streamr/src/geo/dialect.ts'
import { openGeo, selectWithin, type Geo, type LocatedNode } from '../../../examples/streamr/src/geo/geo.ts'
import { openDatabase } from '../../../examples/streamr/src/database.ts'
import { openStreamr } from '../../../examples/streamr/src/strata.ts'
import { checkProperty } from '../../support/property.ts'
import { addNode, addStream, addUser, befriend, testConfig } from './service-support.ts'

/** An arc follows from its chord least exactly at the other end of the world. */
const toleranceM = 1

export interface Prepared {
  readonly kind: Geo['kind']
  readonly db: Kysely<Database>
  readonly geo: Geo
  readonly me: string
  close(): Promise<void>
}

/** A database with the migrations, which is closed with its server. */
export async function prepareGeo(server: { readonly url: string; close(): Promise<void> }): Promise<Prepared> {
  const strata = openStreamr(testConfig(server.url))
  await strata.migrate.up({ lint: false })
  const db = openDatabase(strata)
  const geo = await openGeo(db)
  if (geo === undefined) throw new Error('Expected a way to reckon distances, got none')
  await addStream(db, 'world')
  const close = async (): Promise<void> => {
    await strata.close()
    await server.close()
  }
  return { kind: geo.kind, db, geo, me: await addUser(db, 'me'), close }
}

interface Put {
  readonly name: string
  readonly lat: number | null
  readonly lon: number | null
  readonly isFriend?: boolean
}

/** Each node is of somebody of its own, who is a friend unless it is said otherwise. */
async function place({ db, me }: Prepared, nodes: readonly Put[]): Promise<void> {
  await sql`truncate nodes, friendships cascade`.execute(db)
  await db.deleteFrom('users').where('user_id', '!=', me).execute()
  for (const [index, { name, lat, lon, isFriend = true }] of nodes.entries()) {
    const owner = await addUser(db, `owner of ${name}`)
    // Who asked does not matter.
    if (isFriend) await (index % 2 === 0 ? befriend(db, me, owner) : befriend(db, owner, me))
    await addNode(db, name, { stream: 'world', owner, lat, lon })
  }
}

const names = (rows: readonly LocatedNode[]): readonly string[] => rows.map(({ node_id }) => node_id)

/** By haversine, on the same sphere. */
function distanceOf(a: Place, b: Place): number {
  const rad = (degrees: number): number => (degrees * Math.PI) / 180
  const h =
    Math.sin(rad(b.lat - a.lat) / 2) ** 2 +
    Math.cos(rad(a.lat)) * Math.cos(rad(b.lat)) * Math.sin(rad(b.lon - a.lon) / 2) ** 2
  return 2 * earthRadiusM * Math.asin(Math.min(1, Math.sqrt(h)))
}

export function describeGeo(
  kind: Geo['kind'],
  start: () => Promise<{ readonly url: string; close(): Promise<void> }>,
): void {
  describe(`distances by ${kind}`, () => {
    let opened: Prepared | undefined
    beforeAll(async () => {
      opened = await prepareGeo(await start())
    })
    afterAll(async () => {
      await opened?.close()
    })
    const on = (): Prepared => {
      if (opened === undefined) throw new Error(`${kind} did not start`)
      return opened
    }

    test('it is the one that the migration installed', () => {
      expect(on().kind).toBe(kind)
    })
    test('nobody but friends is told of, and no node without a location', async () => {
      await place(on(), [
        { name: 'near', lat: 52.5, lon: 13.4 },
        { name: 'stranger', lat: 52.5, lon: 13.4, isFriend: false },
        { name: 'nowhere', lat: null, lon: null },
        { name: 'half', lat: 52.5, lon: null },
      ])
      const asked = { of: on().me, place: { lat: 52.5, lon: 13.4 }, limit: 10 }
      expect(names(await on().geo.nearestFriends(asked))).toEqual(['near'])
      expect(names(await on().geo.nodesWithin({ ...asked, radiusM: farthestM }))).toEqual(['near'])
    })

    test('a request that waits is no friendship', async () => {
      await place(on(), [{ name: 'asked', lat: 1, lon: 1 }])
      await on().db.updateTable('friendships').set({ status: 'PENDING' }).execute()
      expect(await on().geo.nearestFriends({ of: on().me, place: { lat: 1, lon: 1 }, limit: 5 })).toEqual([])
    })

    test('across the date line, and around a pole, what is near is near', async () => {
      await place(on(), [
        { name: 'east', lat: 0, lon: 179.9 },
        { name: 'west', lat: 0, lon: -179.9 },
        { name: 'pole', lat: 90, lon: 0 },
        { name: 'by-the-pole', lat: 89.9, lon: 180 },
        { name: 'south', lat: -90, lon: 77 },
      ])
      const within = async (at: Place, radiusM: number): Promise<readonly string[]> =>
        names(await on().geo.nodesWithin({ of: on().me, place: at, radiusM, limit: 10 }))
      expect(await within({ lat: 0, lon: 180 }, 20_000)).toEqual(['east', 'west'])
      expect(await within({ lat: 0, lon: -180 }, 20_000)).toEqual(['east', 'west'])
      // Eleven kilometres over the pole, and whatever longitude the pole is asked for by.
      expect(await within({ lat: 89.9, lon: 0 }, 23_000)).toEqual(['pole', 'by-the-pole'])
      expect(await within({ lat: -90, lon: -123 }, 1)).toEqual(['south'])
    })

    test('a friend with several nodes is one of the nearest friends, by the nearest of them', async () => {
      await place(on(), [
        { name: 'far', lat: 10, lon: 10 },
        { name: 'other', lat: 5, lon: 5 },
      ])
      const owner = await on()
        .db.selectFrom('nodes')
        .select('user_id')
        .where('node_id', '=', 'far')
        .executeTakeFirstOrThrow()
      await addNode(on().db, 'near', { stream: 'world', owner: owner.user_id, lat: 1, lon: 1 })
      const asked = { of: on().me, place: { lat: 0, lon: 0 } }
      expect(names(await on().geo.nearestFriends({ ...asked, limit: 5 }))).toEqual(['near', 'other'])
      expect(names(await on().geo.nearestFriends({ ...asked, limit: 1 }))).toEqual(['near'])
      expect(names(await on().geo.nodesWithin({ ...asked, radiusM: farthestM, limit: 5 }))).toEqual([
        'near',
        'other',
        'far',
      ])
    })

    test('the index of the migration serves a radius', async () => {
      const { db, kind: way, me } = on()
      const within = selectWithin(db, way, { of: me, place: { lat: 1, lon: 1 }, radiusM: 1_000, limit: 5 })
      const plan = await db.transaction().execute(async (tx) => {
        // Of so few rows a scan is cheaper; the question is whether the expression is that of the index.
        await sql`set local enable_seqscan = off`.execute(tx)
        const { rows } = await sql<{ 'QUERY PLAN': string }>`explain ${within}`.execute(tx)
        return rows.map((row) => row['QUERY PLAN']).join('\n')
      })
      expect(plan).toContain('nodes_position')
    })

    test('random places: as by trigonometry', async () => {
      await checkPlaces([on()])
    })
  })
}

/** All of them, on the same random places, against trigonometry. */
export async function checkPlaces(prepared: readonly Prepared[]): Promise<void> {
  const coordinate = fc.record({
    lat: fc.oneof(fc.double({ min: -90, max: 90, noNaN: true }), fc.constantFrom(-90, 0, 90, 89.999999)),
    lon: fc.oneof(fc.double({ min: -180, max: 180, noNaN: true }), fc.constantFrom(-180, 0, 180, 179.999999)),
  })
  const input = fc.record({
    nodes: fc.array(coordinate, { minLength: 1, maxLength: 12 }),
    from: coordinate,
    radiusM: fc.double({ min: 1, max: farthestM, noNaN: true }),
  })
  await checkProperty(
    'geo',
    input,
    async ({ nodes, from, radiusM }) => {
      // As the columns hold them.
      const held = nodes.map(({ lat, lon }, index) => ({
        name: `n${String(index).padStart(2, '0')}`,
        lat: Number(lat.toFixed(8)),
        lon: Number(lon.toFixed(8)),
      }))
      for (const one of prepared) {
        await place(one, held)
        const all = await one.geo.nearestFriends({ of: one.me, place: from, limit: 100 })
        expect(all).toHaveLength(held.length)
        for (const row of all)
          expect(Math.abs(row.distance_m - distanceOf(from, row)), one.kind).toBeLessThanOrEqual(toleranceM)
        for (const [index, row] of all.entries())
          expect(row.distance_m).toBeGreaterThanOrEqual(all[index - 1]?.distance_m ?? 0)
        const within = new Set(names(await one.geo.nodesWithin({ of: one.me, place: from, radiusM, limit: 100 })))
        for (const node of held) {
          const distance = distanceOf(from, node)
          // Who stands on the line may be on either side of it.
          if (Math.abs(distance - radiusM) > toleranceM)
            expect(within.has(node.name), one.kind).toBe(distance < radiusM)
        }
      }
    },
    { runs: 25 },
  )
}
