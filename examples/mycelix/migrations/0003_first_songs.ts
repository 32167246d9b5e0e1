import type { MigrationContext } from 'pgstrata/migrate'

const artists = ['Hypha', 'Spore Choir', 'Rhizome', 'The Fruiting Bodies']
const genres = ['ambient', 'folk', 'techno', 'jazz']

export async function up({ query, sql }: MigrationContext): Promise<void> {
  await query(sql`
    insert into artist (name)
    select unnest(${artists}::text[])`)
  await query(sql`
    insert into song (artist_id, title, genre)
    select a.id, a.name || ' no. ' || n, (${genres}::text[])[1 + (a.id + n) % 4]
    from artist a
    cross join generate_series(1, 5) as n`)
  await query(sql`
    insert into play (song_id, listener, played_at, duration_s, amount)
    select s.id, 'listener ' || n % 40, now() - n * interval '7 minutes', 30 + (n * 7) % 210, 0.01 * (n % 5)
    from song s
    cross join generate_series(1, 50) as n`)
}

export async function down({ query, sql }: MigrationContext): Promise<void> {
  await query(sql`truncate play, song, artist restart identity`)
}
