/** Instructions executed one by one, in every mode. */
@NullMarked
package jcrosvm.hypervisor.soft.interp;

import org.jspecify.annotations.NullMarked;
