/** A VM whose processors are software: see the packages below for the parts. */
@NullMarked
package jcrosvm.hypervisor.soft;

import org.jspecify.annotations.NullMarked;
