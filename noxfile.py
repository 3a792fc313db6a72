"""Tests of the built wheel with every Python, and with the oldest and the newest NumPy.

``nox`` runs all sessions whose interpreters are found, ``nox -s tests-3.13`` one; what follows ``--`` goes to pytest.
"""

import nox

nox.options.error_on_missing_interpreters = False

#: The oldest NumPy that has wheels for a Python; 1.25 is the oldest supported.
OLDEST_NUMPY = {"3.10": "1.25.0", "3.11": "1.25.0", "3.12": "1.26.0", "3.13": "2.1.0", "3.14": "2.3.2"}


@nox.session(python=list(OLDEST_NUMPY))
def tests(session):
    """Build the sdist, the wheel from it, and test the wheel; the tree gives the tests alone."""
    session.install("build")
    folder = session.create_tmp()
    session.run("python", "-m", "build", "--outdir", folder, ".", silent=True)
    (wheel,) = session.cache_dir.parent.joinpath(folder).glob("*.whl")
    session.install(f"{wheel}[test]", "pytest-xdist")
    for numpy in (f"numpy=={OLDEST_NUMPY[session.python]}", "numpy"):
        session.install("--upgrade", numpy)
        session.run("python", "-m", "pytest", *(session.posargs or ["tests", "--pyargs", "autograd"]))
