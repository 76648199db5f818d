/** What a machine has of its architecture, and what boards of all architectures are made with. */
@NullMarked
package jcrosvm.vmm.board;

import org.jspecify.annotations.NullMarked;
