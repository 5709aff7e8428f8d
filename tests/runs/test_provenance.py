"""Whose revision a run names."""
import subprocess

import facekp
from facekp.runs.provenance import git_state


def git(folder, *arguments):
    subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(folder),
                    *arguments], check=True, stdout=subprocess.PIPE)


def test_the_revision_is_that_of_facekps_own_checkout(tmp_path, monkeypatch):
    package = tmp_path / "site-packages" / "facekp"
    package.mkdir(parents=True)
    source = package / "__init__.py"
    source.write_text("")
    monkeypatch.setattr(facekp, "__file__", str(source))
    nothing = {"revision": None, "dirty": None}
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "commit", "--quiet", "--allow-empty", "-m", "something else")
    assert git_state() == nothing  # installed inside of another repository
    git(tmp_path, "add", str(source))
    git(tmp_path, "commit", "--quiet", "-m", "facekp")
    found = git_state()
    assert len(found["revision"]) == 40 and found["dirty"] is False
    source.write_text("changed")
    assert git_state()["dirty"] is True
