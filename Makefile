# The short way in. CMake builds; this file installs what is missing, and says what to build and run.
#
#   make run      builds and completes PROMPT with the built-in model
#   make check    builds with tests and runs them
#   make install  installs to PREFIX (default /usr/local), below DESTDIR if set
JOBS ?= $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
PREFIX ?= /usr/local
PROMPT ?= Once upon a time
RELEASE = build/release
CHECK = build/check
# An outer make's flags are not meant for CMake's own make.
BUILD = env -u MAKEFLAGS -u MAKELEVEL cmake --build

.PHONY: all run check install clean

all:
	@tools/setup.sh
	@cmake --preset release
	@$(BUILD) $(RELEASE) -j $(JOBS)

run: all
	@$(RELEASE)/trit run "$(PROMPT)"

check:
	@tools/setup.sh --tests
	@cmake --preset check
	@$(BUILD) $(CHECK) -j $(JOBS)
	@tools/run_tests.sh $(CHECK) -j $(JOBS)

install: all
	@DESTDIR="$(DESTDIR)" cmake --install $(RELEASE) --prefix "$(PREFIX)"

clean:
	@rm -rf build
