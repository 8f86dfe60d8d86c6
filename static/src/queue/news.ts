// Changes when: which changes people who cannot see the page are told does.
import type { Card } from './cards.ts';
import { phaseOf, playbackOf } from './phase.ts';

export interface News {
  readonly kind: 'playable' | 'completed' | 'partial' | 'failed';
  readonly title: string;
}

/** What is new in `after`. Cards that were not there before are no news: the page just opened. */
export function newsOf(before: readonly Card[], after: readonly Card[]): News[] {
  const old = new Map(before.map((card) => [card.key, card]));
  return after.flatMap((card): News[] => {
    const last = old.get(card.key);
    if (!last || last === card) return [];
    const { title } = card;
    const phase = phaseOf(card);
    if (phase !== phaseOf(last)) {
      if (phase === 'completed' || phase === 'partial' || phase === 'failed') {
        return [{ kind: phase, title }];
      }
    }
    return playbackOf(card) && !playbackOf(last) ? [{ kind: 'playable', title }] : [];
  });
}
