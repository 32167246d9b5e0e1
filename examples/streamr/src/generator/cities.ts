// Where nodes stand: around cities, more of them around some than around others.

import { createWeighted, type Random } from 'pgstrata-example-kit'

export interface Place {
  readonly lat: number
  readonly lon: number
  readonly city: string
}

/** Name, latitude, longitude, how many nodes compared with the others. */
const cities: readonly (readonly [string, number, number, number])[] = [
  ['London', 51.507, -0.128, 9],
  ['Paris', 48.857, 2.352, 8],
  ['Berlin', 52.52, 13.405, 10],
  ['Amsterdam', 52.368, 4.904, 6],
  ['Madrid', 40.417, -3.704, 4],
  ['Lisbon', 38.722, -9.139, 3],
  ['Rome', 41.903, 12.496, 3],
  ['Vienna', 48.208, 16.373, 3],
  ['Warsaw', 52.23, 21.012, 4],
  ['Stockholm', 59.329, 18.069, 3],
  ['Helsinki', 60.17, 24.938, 2],
  ['Istanbul', 41.008, 28.978, 4],
  ['Lagos', 6.524, 3.379, 4],
  ['Nairobi', -1.292, 36.822, 3],
  ['Cape Town', -33.925, 18.424, 2],
  ['Cairo', 30.044, 31.236, 2],
  ['Dubai', 25.205, 55.271, 2],
  ['Mumbai', 19.076, 72.878, 6],
  ['Bengaluru', 12.972, 77.595, 5],
  ['Singapore', 1.352, 103.82, 5],
  ['Jakarta', -6.208, 106.846, 4],
  ['Manila', 14.6, 120.984, 3],
  ['Seoul', 37.567, 126.978, 5],
  ['Tokyo', 35.676, 139.65, 7],
  ['Taipei', 25.033, 121.565, 3],
  ['Sydney', -33.869, 151.209, 4],
  ['Auckland', -36.849, 174.764, 2],
  ['Suva', -18.124, 178.45, 1],
  ['New York', 40.713, -74.006, 10],
  ['Chicago', 41.878, -87.63, 5],
  ['Denver', 39.739, -104.99, 3],
  ['San Francisco', 37.775, -122.419, 8],
  ['Los Angeles', 34.052, -118.244, 7],
  ['Toronto', 43.653, -79.383, 5],
  ['Mexico City', 19.433, -99.133, 4],
  ['Bogotá', 4.711, -74.072, 3],
  ['São Paulo', -23.551, -46.633, 6],
  ['Buenos Aires', -34.604, -58.382, 4],
  ['Santiago', -33.449, -70.669, 2],
  ['Reykjavík', 64.147, -21.943, 1],
]

/** About 20 km, in degrees. */
const spread = 0.18

export function createPlaces(random: Random): () => Place {
  const draw = createWeighted(
    cities.map(([, , , weight]) => weight),
    random,
  )
  return () => {
    const [city, lat, lon] = cities[draw()] ?? ['Berlin', 52.52, 13.405]
    const east = (random.normal() * spread) / Math.cos((lat * Math.PI) / 180)
    return { city, lat: lat + random.normal() * spread, lon: wrap(lon + east) }
  }
}

/** Beyond the date line it begins anew. */
function wrap(lon: number): number {
  if (lon > 180) return lon - 360
  return lon < -180 ? lon + 360 : lon
}
