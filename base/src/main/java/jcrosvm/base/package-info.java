/**
 * System calls and their errors.
 *
 * <p>Every call into libc goes through one native call shape ({@link jcrosvm.base.Libc}): seven longs in, one long out,
 * errno captured. A second shape would cost about 20 ms of start-up each.
 */
@NullMarked
package jcrosvm.base;

import org.jspecify.annotations.NullMarked;
