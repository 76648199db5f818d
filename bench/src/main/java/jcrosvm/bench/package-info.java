/**
 * The part of the benchmarks that is Java: the guests they run and the start of VMs in a warm JVM. The scripts beside
 * this module run them and their peers in turn.
 *
 * <p>The guests are a few instructions each. They need no firmware and no devices but COM1 and a debug exit port. There is
 * no cheaper way to end that every VMM of the comparison understands: a triple fault needs an exception, and a KVM that
 * interprets guests knows none.
 */
@NullMarked
package jcrosvm.bench;

import org.jspecify.annotations.NullMarked;
