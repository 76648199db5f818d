/** The immutable description of a VM. */
@NullMarked
package jcrosvm.vmm.config;

import org.jspecify.annotations.NullMarked;
