"""The store on Azure's and Google's object stores, as far as emulators go: the tests of S3, over again."""

import os
from collections.abc import Iterator, Mapping

import pytest

from overton.base import OvertonError, digest_bytes
from overton.store import Store
from tests.cloud_servers import azure_server, gcs_server
from tests.s3_server import BUCKET
from tests.store.test_store_races import check, race
from tests.store.test_store_s3 import (
    test_a_put_that_is_interrupted_leaves_no_version_and_can_be_repeated,
    test_a_version_goes_its_whole_way,
    test_an_object_is_created_once_and_stays_what_it_was,
    test_commands_work_on_it_as_on_a_disk,
    test_content_that_was_changed_is_found_and_mended,
    test_of_three_who_promote_at_once_exactly_one_wins,
    test_old_versions_go_and_what_an_alias_named_stays,
    test_what_came_once_over_the_network_comes_from_the_disk,
)
from tests.stores import put, refusal

__all__ = [
    "test_a_put_that_is_interrupted_leaves_no_version_and_can_be_repeated",
    "test_a_version_goes_its_whole_way",
    "test_an_object_is_created_once_and_stays_what_it_was",
    "test_commands_work_on_it_as_on_a_disk",
    "test_content_that_was_changed_is_found_and_mended",
    "test_of_three_who_promote_at_once_exactly_one_wins",
    "test_old_versions_go_and_what_an_alias_named_stays",
    "test_what_came_once_over_the_network_comes_from_the_disk",
]
pytestmark = pytest.mark.slow
SERVERS = {"az": azure_server, "gs": gcs_server}
RACES = 200


@pytest.fixture(scope="module", params=sorted(SERVERS))
def cloud(request, tmp_path_factory) -> Iterator[tuple[str, Mapping[str, str]]]:
    """The scheme of an emulator that runs, and what the environment has to say to reach it."""
    with SERVERS[request.param](tmp_path_factory.mktemp(request.param)) as said:
        yield request.param, said


@pytest.fixture
def url(cloud, monkeypatch, request) -> str:
    """A place of its own for each test, and the environment that leads there."""
    scheme, said = cloud
    for name in [name for name in os.environ if name.startswith(("AZURE_", "GOOGLE_"))]:
        monkeypatch.delenv(name)
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    return f"{scheme}://{BUCKET}/{digest_bytes(request.node.name.encode())[:12]}/store"


def test_two_hundred_races_have_one_winner_each(url):
    check(race([Store(url) for _ in range(2)], RACES), RACES)


def test_a_bucket_that_is_not_there_and_a_wrong_key_are_told(url, monkeypatch):
    assert refusal(Store(url.replace(BUCKET, "nowhere")).versions) == "store.unusable"
    if url.startswith("az"):
        monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "d3Jvbmc=")
        for call in (Store.versions, put):
            assert refusal(call, Store(url)) == "store.denied"
        with pytest.raises(OvertonError, match="access is refused") as caught:
            Store(url).versions()
        assert "d3Jvbmc" not in str(caught.value)
