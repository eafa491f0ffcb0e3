"""Which counts of genotypes may stand beside a frequency. Pure; called for every row where the node is stricter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from opengdi.kernel.disclosure.floors import Part

HAPLOID_CONTIGS: Final = frozenset({"X", "Y", "MT"})
"""Where hemi = 0 tells something: contigs with haploid calls."""


def genotypes_visible(
    counts: Sequence[int], populations: int, floor: int, *, haploid: bool, sums: Sequence[Part] = ()
) -> bool:
    """True if every genotype class of every population, and of every rest of the sums, is seen under the floor.

    counts: 5 * populations integers, all allele counts, then allele numbers, hom, het, hemi. One hidden class hides
    them all, or it would follow from AC = het + 2 hom + hemi or by subtraction from Total. The people who do not
    carry the allele are a class too. haploid: the contig has haploid calls, so that hemi = 0 tells something;
    elsewhere nobody can be hemizygous.
    Only for rows that are seen whole: beside a lone Total, that its classes are hidden would tell too much (an even
    or odd AC halves the heterozygotes there can be, and the collapse excludes more), found by enumeration.
    """
    fewest_hemizygous = floor if haploid else 0
    if min(counts[2 * populations : 4 * populations]) < floor:  # hom and het: where most rows end
        return False
    if min(counts[4 * populations :]) < fewest_hemizygous:
        return False
    numbers, hom, het, hemi = classes = [
        counts[row * populations : (row + 1) * populations] for row in range(1, 5)
    ]
    alleles_of_others = [
        number - once - 2 * (twice + one)
        for number, twice, one, once in zip(numbers, hom, het, hemi, strict=True)
    ]
    if min(alleles_of_others) < 2 * floor:
        return False
    return all([_shows_rest(classes, part, floor, fewest_hemizygous) for part in sums])  # noqa: C419  # faster so


def fewest_people(
    counts: Sequence[int], populations: int, most: int, *, haploid: bool, sums: Sequence[Part] = ()
) -> int:
    """The highest floor up to `most` under which `genotypes_visible` shows the counts: their smallest class."""
    floor = 0
    while floor < most and genotypes_visible(counts, populations, floor + 1, haploid=haploid, sums=sums):
        floor += 1
    return floor


def _shows_rest(classes: Sequence[Sequence[int]], part: Part, floor: int, fewest_hemizygous: int) -> bool:
    """True if nobody is in the rest, or if all of its classes may be seen."""
    whole, parts = part
    numbers = classes[0]
    rest_alleles = numbers[whole]
    for place in parts:
        rest_alleles -= numbers[place]
    if rest_alleles <= 0:
        return True
    hom, het, hemi = (row[whole] - sum(row[place] for place in parts) for row in classes[1:])
    non_carriers = (rest_alleles - hemi) / 2 - hom - het
    return min(hom, het, non_carriers) >= floor and hemi >= fewest_hemizygous
