/** Serial ports and debug consoles: their options, devices, outputs and inputs. */
@NullMarked
package jcrosvm.platform.serial;

import org.jspecify.annotations.NullMarked;
