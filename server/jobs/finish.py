"""Changes when: what is measured at the end of an edition does."""

from __future__ import annotations

import msgspec

from server.outputs.port import RENDITIONS, OutputFacts
from server.protocols.hls import BitRates
from server.settings import MediaSettings
from storage.database import Transaction
from storage.records import editions as edition_rows


def finish_edition(tx: Transaction, edition_id: str) -> int:
    """Replaces declared bit rates by measured ones and ends the edition; how many cuts it has."""
    edition = edition_rows.get(tx, edition_id)
    if edition is None:
        return 0
    target = msgspec.json.decode(edition.settings, type=MediaSettings).cut_seconds
    rates: dict[str, BitRates] = {}
    for output in edition_rows.outputs(tx, edition_id):
        facts = msgspec.json.decode(output.facts, type=OutputFacts)
        if facts.kind in RENDITIONS:
            rates[output.name] = BitRates(target, facts.timescale)
    for name, ticks, size in edition_rows.sizes(tx, edition_id):
        if name in rates:
            rates[name].add(ticks, size)
    for name, rate in rates.items():
        if rate.average:
            edition_rows.measure(tx, edition_id, name, rate.peak, rate.average)
    edition_rows.end(tx, edition_id)
    return edition.cuts
