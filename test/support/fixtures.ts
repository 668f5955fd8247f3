import { readFileSync } from 'node:fs';
import type { AgentExchange } from '../record/agent.js';

/** The QEMU versions whose replies are recorded. */
export const fixtureVersions = ['7.2', '10.0'] as const;

/** The recorded worlds: see `test/fixtures/README.md`. */
export const worlds = ['empty', 'basic', 'layered', 'unusable', 'mixed'] as const;

/** A recorded reply of `query-named-block-nodes`, envelope and all. */
export function readWorld(version: (typeof fixtureVersions)[number], world: (typeof worlds)[number]): unknown {
  return JSON.parse(readFileSync(new URL(`../fixtures/${version}/${world}.json`, import.meta.url), 'utf8'));
}

/** What a real guest agent was sent and answered. */
export function readAgent(version: (typeof fixtureVersions)[number]): readonly AgentExchange[] {
  const text = readFileSync(new URL(`../fixtures/${version}/guest-agent.jsonl`, import.meta.url), 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as AgentExchange);
}
