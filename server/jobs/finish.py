"""Changes when: what is measured at the end of an edition does."""

from __future__ import annotations

from fractions import Fraction

import msgspec

from server.outputs.port import OutputFacts
from server.protocols.hls import average_bit_rate, peak_bit_rate
from server.settings import MediaSettings
from storage.database import Transaction
from storage.records import editions as edition_rows


def finish_edition(tx: Transaction, edition_id: str) -> int:
    """Replaces declared bit rates by measured ones and ends the edition; how many cuts it has."""
    edition = edition_rows.get(tx, edition_id)
    if edition is None:
        return 0
    settings = msgspec.json.decode(edition.settings, type=MediaSettings)
    pieces = edition_rows.pieces(tx, edition_id)
    for output in edition_rows.outputs(tx, edition_id):
        facts = msgspec.json.decode(output.facts, type=OutputFacts)
        segments = [
            (Fraction(piece.duration, facts.timescale), piece.size)
            for piece in pieces
            if piece.output == output.name
        ]
        if segments:
            peak = peak_bit_rate(segments, settings.cut_seconds)
            edition_rows.measure(tx, edition_id, output.name, peak, average_bit_rate(segments))
    edition_rows.end(tx, edition_id)
    return edition.cuts
