// A dashboard for Grafana: the three panels everybody has, then one row for each thing that goes wrong. Plain data; every
// expression in it is tried against a Prometheus in the tests.

import { dashboardRows, type PanelDraft } from './dashboard-rows.ts'

export type Dashboard = Readonly<Record<string, unknown>>

const columns = 24
const panelWidth = 8
const panelHeight = 8

export function createDashboard(): Dashboard {
  const panels: Dashboard[] = []
  let y = 0
  for (const { title, panels: drafts } of dashboardRows) {
    panels.push({
      id: panels.length + 1,
      type: 'row',
      title,
      collapsed: false,
      gridPos: { h: 1, w: columns, x: 0, y },
      panels: [],
    })
    y++
    drafts.forEach((draft, index) => {
      const x = (index * panelWidth) % columns
      const row = Math.floor((index * panelWidth) / columns)
      const gridPos = { h: panelHeight, w: panelWidth, x, y: y + row * panelHeight }
      panels.push(panelOf(draft, { id: panels.length + 1, gridPos }))
    })
    y += Math.ceil((drafts.length * panelWidth) / columns) * panelHeight
  }
  return {
    title: 'pgstrata',
    uid: 'pgstrata',
    tags: ['pgstrata', 'postgresql'],
    schemaVersion: 39,
    version: 1,
    editable: true,
    refresh: '30s',
    time: { from: 'now-6h', to: 'now' },
    timezone: 'browser',
    graphTooltip: 1,
    templating: {
      list: [
        { name: 'datasource', label: 'Data source', type: 'datasource', query: 'prometheus' },
        {
          name: 'node',
          label: 'Node',
          type: 'query',
          datasource,
          query: { query: 'label_values(pgstrata_up, node)', refId: 'node' },
          refresh: 2,
          includeAll: true,
          multi: true,
          allValue: '.*',
          current: { text: 'All', value: '$__all' },
        },
      ],
    },
    panels,
  }
}

const datasource = { type: 'prometheus', uid: '${datasource}' }

function panelOf(
  { title, unit, targets, isStacked = false }: PanelDraft,
  place: { readonly id: number; readonly gridPos: object },
): Dashboard {
  return {
    ...place,
    type: 'timeseries',
    title,
    datasource,
    fieldConfig: {
      defaults: {
        unit,
        ...(unit === 'percentunit' ? { min: 0, max: 1 } : { min: 0 }),
        custom: {
          fillOpacity: isStacked ? 60 : 10,
          stacking: { mode: isStacked ? 'normal' : 'none' },
          showPoints: 'never',
        },
      },
      overrides: [],
    },
    options: { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi', sort: 'desc' } },
    targets: targets.map(({ expr, legend }, index) => ({
      refId: String.fromCodePoint(65 + index),
      datasource,
      expr,
      legendFormat: legend,
    })),
  }
}
