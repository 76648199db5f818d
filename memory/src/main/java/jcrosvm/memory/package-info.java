/**
 * Guest physical memory: regions of files, each mapped into this process as a whole, so that translating an address is a
 * search among a few regions, a bounds check and an addition. ADR 3 says how regions come and go.
 *
 * <p><b>Read once.</b> A guest can change its memory while we look at it. Code that decides on a value must copy it out
 * first (a getter into a local, {@link jcrosvm.memory.GuestMemory#read} into an array) and never read it a second time.
 */
@NullMarked
package jcrosvm.memory;

import org.jspecify.annotations.NullMarked;
