PYTHON ?= python
COMPILED = $(wildcard $(foreach end,so c html,src/autograd/*.$(end) src/autograd/_*/*.$(end))) \
  src/autograd/_ops.pxi $(addprefix src/autograd/_kernels/,ops.h maps.h primitives.h)

.PHONY: help build test lint docs table bench annotate debug sanitize coverage dist clean

help:  ## list the targets
	@grep -E '^[a-z]+:.*##' Makefile | sed 's/:.*##/\t/' | expand -t 12

build:  ## compile the extensions in place: the edit loop
	$(PYTHON) setup.py build_ext --inplace

test:  ## run the tests
	$(PYTHON) -m pytest

lint:  ## check style, types and stubs
	ruff check .
	cython-lint src/autograd
	mypy -p autograd
	$(PYTHON) -m mypy.stubtest autograd --mypy-config-file pyproject.toml --allowlist tests/stubtest_allowlist.txt --ignore-unused-allowlist

docs:  ## build the documentation site, docs/_build/html (extra docs); warnings are errors
	$(PYTHON) -m sphinx -W --keep-going -q -E -b html docs docs/_build/html
	$(PYTHON) .ci/check_site.py docs/_build/html

table:  ## write the table of primitives from the source
	$(PYTHON) -c "from autograd import ops; print(ops.markdown(), end='')" >docs/primitives.md

bench:  ## measure against pure Python (see benchmarks/README.md)
	$(PYTHON) benchmarks/run.py

annotate:  ## write Cython's annotated sources, the .html files beside them: yellow lines call Python
	AUTOGRAD_ANNOTATE=1 $(PYTHON) setup.py build_ext --inplace --force

debug:  ## run the tests with the allocator's checks, on a build with assertions that reuses no memory
	AUTOGRAD_DEBUG=1 $(PYTHON) setup.py build_ext --inplace --force
	PYTHONMALLOC=debug $(PYTHON) -X dev -W error -m pytest; status=$$?; $(MAKE) clean build; exit $$status

# The interpreter itself is not instrumented: the runtimes are preloaded, and leaks at exit are the interpreter's own.
sanitize:  ## run the tests under AddressSanitizer and UndefinedBehaviorSanitizer
	AUTOGRAD_SANITIZE=1 $(PYTHON) setup.py build_ext --inplace --force
	LD_PRELOAD="$$(gcc -print-file-name=libasan.so) $$(gcc -print-file-name=libubsan.so)" \
	  PYTHONMALLOC=malloc ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
	  $(PYTHON) -m pytest -p no:cacheprovider; status=$$?; $(MAKE) clean build; exit $$status

coverage:  ## measure the tests' line coverage, Cython included (Python 3.11 or 3.12)
	AUTOGRAD_COVERAGE=1 $(PYTHON) setup.py build_ext --inplace --force
	$(PYTHON) -m coverage run -m pytest; $(PYTHON) -m coverage report; status=$$?; $(MAKE) clean build; exit $$status

dist:  ## build the sdist, and the wheel from it
	$(PYTHON) -m build

clean:  ## remove what the build made
	rm -rf build dist $(COMPILED)
