"""The invented release of test mode: the same everywhere, consistent in itself, and nobody's."""

from __future__ import annotations

import numpy as np
import pytest

from opengdi.discovery.model import SiteRef
from opengdi.discovery.subjects.bitmaps import size
from opengdi.discovery.subjects.virtual import (
    INDIVIDUALS,
    SITES,
    VirtualRelease,
    virtual_sites,
    virtual_tables,
)
from opengdi.standards.beacon.questions import AlphanumericFilter, EntryType, OntologyFilter, Operator


@pytest.fixture(scope="module")
def virtual(tmp_path_factory):
    return VirtualRelease(tmp_path_factory.mktemp("virtual"))


def test_it_is_the_same_every_time():
    one, two = virtual_tables(), virtual_tables()
    assert one.individuals.documents == two.individuals.documents
    (sites, copies), (again, others) = virtual_sites(), virtual_sites()
    assert sites == again
    assert np.array_equal(copies, others)


def test_every_id_says_that_it_is_virtual():
    tables = virtual_tables()
    names = [*tables.individuals.ids, *tables.cohorts.ids]
    names += [name for table in tables.entries.values() for name in table.ids]
    assert len(names) == 4 * INDIVIDUALS + 1
    assert all(name.startswith("virtual-") for name in names)


def test_its_sites_are_in_order_and_their_counts_add_up():
    sites, _ = virtual_sites()
    assert len(sites) == len({(site.contig, site.start) for site in sites}) == SITES
    for site in sites:
        counts = np.array(site.counts).reshape(5, 3)
        total, women, men = counts.T
        assert (total == women + men).all()
        allele_count, allele_number, hom, het, hemi = total
        assert allele_count == 2 * hom + het + hemi
        assert 0 <= allele_count <= allele_number
        assert allele_number == (150 if site.contig == "X" else 200)


def test_carriers_are_those_whom_the_counts_count(virtual):
    for site in virtual.sites:
        found = virtual.store.matching(virtual.release, [], [SiteRef(site.contig, site.genotype_row)])
        _, _, hom, het, hemi = np.array(site.counts).reshape(5, 3)[:, 0]
        assert size(found) == hom + het + hemi


def test_its_people_can_be_filtered(virtual):
    women = virtual.store.matching(virtual.release, [OntologyFilter("NCIT:C16576")], None)
    assert size(women) == INDIVIDUALS // 2
    older = [AlphanumericFilter("age", Operator.GREATER, f"P{age}Y") for age in (40, 60, 90)]
    sizes = [size(virtual.store.matching(virtual.release, [one], None)) for one in older]
    assert sizes[0] == INDIVIDUALS > sizes[1] > sizes[2] == 0
    assert size(virtual.store.matching(virtual.release, [OntologyFilter("MONDO:0700096")], None)) > 50


def test_its_entries_belong_to_its_people(virtual):
    behind = virtual.store.individuals_behind(virtual.release, EntryType.RUN, "virtual-run-7")
    documents = virtual.store.documents(virtual.release, EntryType.ANALYSIS, behind, skip=0, limit=5)
    assert [one["id"] for one in documents] == ["virtual-analysis-7"]
