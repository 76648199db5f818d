/**
 * Guest physical memory: memfd-backed regions mapped at their guest address inside one reservation, so that translating
 * an address is one addition and one bounds check.
 *
 * <p><b>Read once.</b> A guest can change its memory while we look at it. Code that decides on a value must copy it out
 * first (a getter into a local, {@link jcrosvm.memory.GuestMemory#read} into an array) and never read it a second time.
 */
@NullMarked
package jcrosvm.memory;

import org.jspecify.annotations.NullMarked;
