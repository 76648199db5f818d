/** The operation table and the decoder (SDM volume 2). */
@NullMarked
package jcrosvm.hypervisor.soft.isa;

import org.jspecify.annotations.NullMarked;
